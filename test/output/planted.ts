/**
 * Made-up secrets and personal data. None was ever issued, and none stands whole in this file: each is put together when the
 * tests run, so that no scanner of the repository takes one for a leak.
 */

/** Characters of an alphabet, so many. */
export type Fill = (length: number, alphabet: string) => string;

/** One secret of a kind, and a text that holds it. */
export interface Planted {
  readonly kind: string;
  readonly secret: string;
  readonly text: string;
}

const ALNUM = "abcdefghijkmnopqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789";
const UPPER = "ABCDEFGHJKLMNPQRSTUVWXYZ234567";
const HEX = "0123456789abcdef";
const DIGITS = "1234567890";
const WORDY = `${ALNUM}_-`;

/** Always the same text for one length and alphabet. */
const filler: Fill = (length, alphabet) => {
  let text = "";
  for (let index = 0; index < length; index += 1) text += alphabet[(index * 7 + 3) % alphabet.length];
  return text;
};

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

function planted(kind: string, secret: string, text = secret): Planted {
  return { kind, secret, text };
}

/** A token: pieces that are joined only here. */
const join = (...pieces: readonly string[]): string => pieces.join("");

function keysFrom(fill: Fill): readonly Planted[] {
  return PRIVATE_KEY_LABELS.map((label) => planted("private_key", keyBlock(label, fill(120, ALNUM))));
}

function cloudFrom(fill: Fill): readonly Planted[] {
  const awsSecret = fill(40, `${ALNUM}/+`);
  const azureKey = `${fill(86, `${ALNUM}+/`)}==`;
  const account = `DefaultEndpointsProtocol=https;AccountName=a;AccountKey=${azureKey};Suffix=b`;
  return [
    planted("aws_access_key_id", join("AK", "IA", fill(16, UPPER))),
    planted("aws_access_key_id", join("AS", "IA", fill(16, UPPER))),
    planted("aws_secret_access_key", awsSecret, `aws_secret_access_key = ${awsSecret}`),
    planted("aws_secret_access_key", awsSecret, `export AWS_SECRET_ACCESS_KEY="${awsSecret}"`),
    planted("aws_secret_access_key", awsSecret, `{"SecretAccessKey":"${awsSecret}"}`),
    planted("aws_bedrock_key", join("AB", "SK", fill(60, ALNUM))),
    planted("google_api_key", join("AI", "za", fill(35, ALNUM))),
    planted("google_oauth_secret", join("GOC", "SPX-", fill(28, ALNUM))),
    planted("google_oauth_token", join("ya", "29.", fill(60, WORDY))),
    planted("azure_account_key", azureKey, account),
    planted("azure_client_secret", join(fill(3, ALNUM), "8Q", "~", fill(31, ALNUM))),
    planted("alibaba_access_key_id", join("LT", "AI", fill(20, ALNUM))),
    planted("digitalocean_token", join("do", "p_v1_", fill(64, HEX))),
  ];
}

function codeFrom(fill: Fill): readonly Planted[] {
  return [
    ...["o", "p", "r", "s", "u"].map((letter) => planted("github_token", join("gh", letter, "_", fill(36, ALNUM)))),
    planted("github_token", join("github_", "pat_", fill(22, ALNUM), "_", fill(59, ALNUM))),
    planted("gitlab_token", join("gl", "pat-", fill(20, ALNUM))),
    planted("atlassian_token", join("ATA", "TT3", fill(60, WORDY))),
    planted("npm_token", join("np", "m_", fill(36, ALNUM))),
    planted("pypi_token", join("py", "pi-Ag", "E", fill(80, WORDY))),
    planted("rubygems_token", join("ruby", "gems_", fill(48, HEX))),
    planted("docker_token", join("dckr", "_pat_", fill(27, ALNUM))),
    planted("databricks_token", join("da", "pi", fill(32, HEX))),
    planted("vault_token", join("hv", "s.", fill(24, ALNUM))),
    planted("terraform_token", join(fill(14, ALNUM), ".atlas", "v1.", fill(67, ALNUM))),
    planted("pulumi_token", join("pu", "l-", fill(40, HEX))),
    planted("doppler_token", join("dp", ".pt.", fill(43, ALNUM))),
    planted("grafana_token", join("gl", "sa_", fill(32, ALNUM), "_", fill(8, HEX))),
    planted("sentry_token", join("snt", "rys_", fill(60, ALNUM))),
    planted("new_relic_key", join("NR", "AK-", fill(27, UPPER))),
    planted("postman_key", join("PM", "AK-", fill(24, HEX), "-", fill(34, HEX))),
    planted("linear_key", join("lin", "_api_", fill(40, ALNUM))),
    planted("notion_token", join("nt", "n_", fill(46, ALNUM))),
    planted("figma_token", join("fig", "d_", fill(40, WORDY))),
    planted("airtable_token", join("pa", "t", fill(14, ALNUM), ".", fill(64, HEX))),
    planted("planetscale_token", join("pscale", "_tkn_", fill(43, ALNUM))),
    planted("supabase_token", join("sb", "p_", fill(40, HEX))),
    planted("fly_token", join("fm", "2_", fill(80, ALNUM))),
    planted("age_key", join("AGE-SECRET", "-KEY-1", fill(58, UPPER))),
  ];
}

function chatFrom(fill: Fill): readonly Planted[] {
  const id = (letter: string): string => letter + fill(10, UPPER);
  return [
    planted("slack_token", join("xo", "xb-", fill(12, DIGITS), "-", fill(24, ALNUM))),
    planted("slack_token", join("xa", "pp-1-", id("A"), "-", fill(12, DIGITS), "-", fill(64, HEX))),
    planted("slack_webhook", join("hooks.", "slack.com/services/", id("T"), "/", id("B"), "/", fill(24, ALNUM))),
    planted("discord_webhook", join("dis", "cord.com/api/webhooks/", fill(18, DIGITS), "/", fill(68, WORDY))),
    planted("discord_token", join("M", fill(24, ALNUM), ".G", fill(5, ALNUM), ".", fill(38, ALNUM))),
    planted("teams_webhook", join(".web", "hook.office.com/webhookb2/", fill(36, HEX), "@", fill(36, HEX))),
    planted("telegram_token", join(fill(9, DIGITS), ":A", "A", fill(33, ALNUM))),
  ];
}

function paymentFrom(fill: Fill): readonly Planted[] {
  return [
    planted("stripe_key", join("sk_", "live_", fill(24, ALNUM))),
    planted("stripe_key", join("rk_", "live_", fill(24, ALNUM))),
    planted("stripe_key", join("wh", "sec_", fill(32, ALNUM))),
    planted("square_token", join("EA", "AA", fill(60, ALNUM))),
    planted("square_token", join("sq0", "atp-", fill(22, ALNUM))),
    planted("paypal_token", join("access", "_token$", "production$", fill(16, HEX), "$", fill(32, HEX))),
    planted("shopify_token", join("shp", "at_", fill(32, HEX))),
    planted("twilio_key", join("S", "K", fill(32, HEX))),
    planted("sendgrid_key", join("S", "G.", fill(22, ALNUM), ".", fill(43, ALNUM))),
    planted("mailgun_key", join("ke", "y-", fill(32, HEX))),
    planted("mailchimp_key", join(fill(32, HEX), "-u", "s12")),
  ];
}

function modelsFrom(fill: Fill): readonly Planted[] {
  return [
    planted("anthropic_key", join("sk-", "ant-", "api03-", fill(93, ALNUM))),
    planted("openai_key", join("sk", "-proj-", fill(48, ALNUM))),
    planted("huggingface_token", join("h", "f_", fill(34, ALNUM))),
    planted("groq_key", join("gs", "k_", fill(52, ALNUM))),
    planted("xai_key", join("xa", "i-", fill(80, ALNUM))),
    planted("perplexity_key", join("pp", "lx-", fill(48, ALNUM))),
    planted("replicate_token", join("r", "8_", fill(37, ALNUM))),
  ];
}

function namedFrom(fill: Fill): readonly Planted[] {
  const opaque = fill(32, ALNUM);
  const start = join("ey", "J");
  const jwt = [start + fill(20, ALNUM), start + fill(40, ALNUM), fill(43, WORDY)].join(".");
  const password = `Vq${fill(12, ALNUM)}!7`;
  return [
    planted("bearer_token", opaque, `Authorization: Bearer ${opaque}`),
    planted("bearer_token", opaque, `{"authorization": "bearer ${opaque}"}`),
    planted("bearer_token", "x1y2", "Authorization: Bearer x1y2"),
    planted("bearer_token", opaque, `curl -H 'X: Bearer ${opaque}'`),
    planted("jwt", jwt),
    planted("connection_string", password, `postgres${":"}//app:${password}@db.internal:5432/orders`),
    planted("password", password, `DB_PASSWORD='${password}'`),
    planted("password", password, `{"password": "${password}"}`),
    planted("secret_value", opaque, `client_secret: "${opaque}"`),
  ];
}

/** One of each kind, or more, of characters that `fill` draws. */
export function secretsFrom(fill: Fill): readonly Planted[] {
  return [keysFrom, cloudFrom, codeFrom, chatFrom, paymentFrom, modelsFrom, namedFrom].flatMap((from) => from(fill));
}

export const SECRETS: readonly Planted[] = secretsFrom(filler);

const ADDRESSES: readonly Planted[] = [
  planted("email", "dana.reviewer@example.com"),
  planted("email", "o'neil+tag@mail.example.co.uk"),
  planted("email", "jürgen@bücher.example"),
];

/** Test numbers of card networks, numbers kept for fiction, and the example of the standard. */
const NUMBERS: readonly Planted[] = [
  planted("payment_card", "42".repeat(8)),
  planted("payment_card", ["4000", "0566", "5566", "5556"].join(" ")),
  planted("payment_card", ["3782", "822463", "10005"].join("-")),
  planted("phone", "+44 20 7946 0123"),
  planted("phone", "(415) 555-0132"),
  planted("iban", join("DE89", "37040044", "0532013000")),
  planted("iban", ["GB82", "WEST", "1234", "5698", "7654", "32"].join(" ")),
];

/** Personal data. */
export const PERSONAL: readonly Planted[] = [...ADDRESSES, ...NUMBERS];

export const ALL: readonly Planted[] = [...SECRETS, ...PERSONAL];
