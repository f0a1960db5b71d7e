import { ALNUM, BASE64, DIGIT, HEX, LOWER, UPPER, WORDY } from "./draw.js";
import { head, inContext, LINES, type Make, tokens } from "./example.js";

export const cloud: Make = (draw) => {
  const keyId = (start: string): string => head(start, "IA") + draw.text(16, `${UPPER}234567`);
  const azure = (): string => draw.bytes(64).toString("base64");
  return [
    ...tokens("aws_access_key_id", [keyId("AK"), keyId("AS"), keyId("AK")], LINES),
    ...inContext("aws_secret_access_key", () => draw.text(40, BASE64), [
      "aws_secret_access_key = {}",
      'export AWS_SECRET_ACCESS_KEY="{}"',
      '{"Credentials": {"SecretAccessKey": "{}", "Expiration": "2026-03-04T05:06:07Z"}}',
    ]).map((example) => ({ ...example, field: { name: "secretAccessKey", value: example.secret } })),
    ...tokens(
      "google_api_key",
      [0, 1, 2].map(() => head("AI", "za") + draw.text(35, WORDY)),
      ["https://maps.googleapis.com/maps/api/js?key={}&v=3", ...LINES],
    ),
    ...tokens(
      "google_oauth_secret",
      [0, 1, 2].map(() => head("GOC", "SPX-") + draw.text(28, WORDY)),
      LINES,
    ),
    ...inContext("azure_account_key", azure, [
      "DefaultEndpointsProtocol=https;AccountName=harbour;AccountKey={};EndpointSuffix=core.windows.net",
      'AccountKey="{}"',
      '{"accountName": "harbour", "accountKey": "{}"}',
    ]).map((example) => ({ ...example, field: { name: "accountKey", value: example.secret } })),
    ...tokens(
      "digitalocean_token",
      ["p", "o", "r"].map((letter) => head(`do${letter}`, "_v1_") + draw.text(64, HEX)),
      LINES,
    ),
  ];
};

export const code: Make = (draw) => [
  ...tokens(
    "github_token",
    [
      ...["p", "o", "u", "s", "r"].map((letter) => head(`gh${letter}`, "_") + draw.text(36, ALNUM)),
      `${head("github", "_pat_")}${draw.text(22, ALNUM)}_${draw.text(59, ALNUM)}`,
    ],
    [`git clone https${":"}//x-access-token:{}@github.com/harbour/site.git`, ...LINES],
  ),
  ...tokens(
    "gitlab_token",
    [0, 1, 2].map(() => head("gl", "pat-") + draw.text(20, WORDY)),
    LINES,
  ),
  ...tokens(
    "npm_token",
    [0, 1, 2].map(() => head("np", "m_") + draw.text(36, ALNUM)),
    ["//registry.npmjs.org/:_authToken={}", ...LINES],
  ),
  ...tokens(
    "pypi_token",
    [0, 1, 2].map(() => {
      const place = Buffer.from(`\x02\x01\x08${head("pypi", ".org")}\x02\x24`)
        .toString("base64url")
        .slice(0, 19);
      return head("py", "pi-") + place + draw.text(140, WORDY);
    }),
    LINES,
  ),
];

export const chat: Make = (draw) => {
  const digits = (length: number): string => `${1 + draw.below(9)}${draw.text(length - 1, DIGIT)}`;
  const id = (letter: string): string => letter + draw.text(10, UPPER + DIGIT);
  const slack = `https://${head("hooks", ".slack", ".com")}/services`;
  const discord = `https://${head("dis", "cord")}.com/api/webhooks`;
  return [
    ...tokens(
      "slack_token",
      [
        `${head("xo", "xb-")}${digits(12)}-${digits(13)}-${draw.text(24, ALNUM)}`,
        `${head("xo", "xp-")}${digits(12)}-${digits(12)}-${digits(13)}-${draw.text(32, HEX)}`,
        `${head("xa", "pp-")}1-${id("A")}-${digits(13)}-${draw.text(64, HEX)}`,
      ],
      LINES,
    ),
    ...tokens(
      "slack_webhook",
      [0, 1, 2].map(() => `${slack}/${id("T")}/${id("B")}/${draw.text(24, ALNUM)}`),
      ["curl -X POST -d @message.json {}", ...LINES],
    ),
    ...tokens(
      "discord_webhook",
      [0, 1, 2].map(() => `${discord}/${digits(19)}/${draw.text(68, WORDY)}`),
      LINES,
    ),
    ...tokens(
      "telegram_token",
      [8, 9, 10].map((length) => `${digits(length)}:${head("A", "A")}${draw.text(33, WORDY)}`),
      ["https://api.telegram.org/bot{}/getMe", ...LINES],
    ),
  ];
};

export const payment: Make = (draw) => [
  ...tokens(
    "stripe_key",
    [
      head("sk", "_live_") + draw.text(24, ALNUM),
      `${head("sk", "_live_")}51${draw.text(97, ALNUM)}`,
      head("rk", "_live_") + draw.text(24, ALNUM),
      head("wh", "sec_") + draw.text(32, ALNUM),
    ],
    LINES,
  ),
  ...tokens(
    "square_token",
    [
      head("EA", "AA") + draw.text(60, WORDY),
      head("sq0", "atp-") + draw.text(22, WORDY),
      head("sq0", "csp-") + draw.text(43, WORDY),
    ],
    ["SQUARE_ACCESS_TOKEN={}", ...LINES],
  ),
  ...inContext("twilio_key", () => head("S", "K") + draw.text(32, HEX), [
    "TWILIO_API_KEY={}",
    'const client = new Twilio("{}", secret, { accountSid });',
    '{"twilio": {"apiKeySid": "{}"}}',
  ]).map((example) => ({ ...example, field: { name: "twilioApiKey", value: example.secret } })),
  ...tokens(
    "sendgrid_key",
    [0, 1, 2].map(() => `${head("S", "G.")}${draw.text(22, WORDY)}.${draw.text(43, WORDY)}`),
    LINES,
  ),
  ...tokens(
    "shopify_token",
    ["at", "ss", "ca", "pa"].map((pair) => head("sh", "p", pair, "_") + draw.text(32, HEX)),
    LINES,
  ),
];

export const models: Make = (draw) => {
  const mark = head("T3Bl", "bkFJ");
  return [
    ...tokens(
      "openai_key",
      [
        `${head("sk", "-proj-")}${draw.text(74, WORDY)}${mark}${draw.text(74, WORDY)}`,
        `${head("sk", "-")}${draw.text(20, ALNUM)}${mark}${draw.text(20, ALNUM)}`,
        `${head("sk", "-svcacct-")}${draw.text(74, WORDY)}${mark}${draw.text(74, WORDY)}`,
      ],
      LINES,
    ),
    ...tokens(
      "anthropic_key",
      [0, 1, 2].map(() => `${head("sk", "-ant-", "api03-")}${draw.text(93, WORDY)}AA`),
      LINES,
    ),
    ...tokens(
      "huggingface_token",
      [0, 1, 2].map(() => head("h", "f_") + draw.text(34, UPPER + LOWER)),
      LINES,
    ),
  ];
};
