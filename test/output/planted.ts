/**
 * Made-up secrets. None was ever issued, and none stands whole in this file: each is put together when the tests run,
 * so that no scanner of the repository takes one for a leak.
 */
function filler(length: number, alphabet: string): string {
  let text = "";
  for (let index = 0; index < length; index += 1) text += alphabet[(index * 7 + 3) % alphabet.length];
  return text;
}

const ALNUM = "abcdefghijkmnopqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789";
const UPPER = "ABCDEFGHJKLMNPQRSTUVWXYZ234567";

const dashes = "-".repeat(5);

export function keyBlock(label: string, body = filler(120, ALNUM)): string {
  return `${dashes}BEGIN ${label}${dashes}\n${body}\n${dashes}END ${label}${dashes}`;
}

export const PRIVATE_KEY_LABELS = [
  "PRIVATE KEY",
  "RSA PRIVATE KEY",
  "EC PRIVATE KEY",
  "DSA PRIVATE KEY",
  "ENCRYPTED PRIVATE KEY",
  "OPENSSH PRIVATE KEY",
  "PGP PRIVATE KEY BLOCK",
] as const;

const ACCESS_KEY_ID = ["AK", "IA"].join("");
const TEMPORARY_KEY_ID = ["AS", "IA"].join("");
const JWT_START = ["ey", "J"].join("");

/** One secret of a kind, and a text that holds it. */
export interface Planted {
  readonly kind: string;
  readonly secret: string;
  readonly text: string;
}

function planted(kind: string, secret: string, text = secret): Planted {
  return { kind, secret, text };
}

const awsSecret = filler(40, `${ALNUM}/+`);
const azureKey = `${filler(86, `${ALNUM}+/`)}==`;
const opaque = filler(32, ALNUM);
const jwt = [`${JWT_START}${filler(20, ALNUM)}`, `${JWT_START}${filler(40, ALNUM)}`, filler(43, `${ALNUM}_-`)].join(
  ".",
);

export const SECRETS: readonly Planted[] = [
  ...PRIVATE_KEY_LABELS.map((label) => planted("private_key", keyBlock(label))),
  planted("aws_access_key_id", ACCESS_KEY_ID + filler(16, UPPER)),
  planted("aws_access_key_id", TEMPORARY_KEY_ID + filler(16, UPPER)),
  planted("aws_secret_access_key", awsSecret, `aws_secret_access_key = ${awsSecret}`),
  planted("aws_secret_access_key", awsSecret, `export AWS_SECRET_ACCESS_KEY="${awsSecret}"`),
  planted("aws_secret_access_key", awsSecret, `{"SecretAccessKey":"${awsSecret}"}`),
  planted("google_api_key", `AI${"za"}${filler(35, ALNUM)}`),
  planted(
    "azure_account_key",
    azureKey,
    `DefaultEndpointsProtocol=https;AccountName=a;AccountKey=${azureKey};Suffix=b`,
  ),
  planted("bearer_token", opaque, `Authorization: Bearer ${opaque}`),
  planted("bearer_token", opaque, `{"authorization": "bearer ${opaque}"}`),
  planted("bearer_token", "x1y2", "Authorization: Bearer x1y2"),
  planted("bearer_token", opaque, `curl -H 'X: Bearer ${opaque}'`),
  planted("jwt", jwt),
  ...["o", "p", "r", "s", "u"].map((letter) => planted("github_token", `gh${letter}_${filler(36, ALNUM)}`)),
  planted("github_token", `github_${"pat"}_${filler(22, ALNUM)}_${filler(59, ALNUM)}`),
  planted("slack_token", `xox${"b"}-${filler(12, "1234567890")}-${filler(24, ALNUM)}`),
  planted("gitlab_token", `gl${"pat"}-${filler(20, ALNUM)}`),
  planted("npm_token", `np${"m"}_${filler(36, ALNUM)}`),
  planted("stripe_key", `sk_${"live"}_${filler(24, ALNUM)}`),
  planted("stripe_key", `rk_${"live"}_${filler(24, ALNUM)}`),
];

export const ADDRESSES: readonly Planted[] = [
  planted("email", "dana.reviewer@example.com"),
  planted("email", "o'neil+tag@mail.example.co.uk"),
  planted("email", "jürgen@bücher.example"),
];

export const ALL: readonly Planted[] = [...SECRETS, ...ADDRESSES];
