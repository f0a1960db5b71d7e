import { ALNUM, DIGIT, LOWER, openDraw } from "./draw.js";
import { type Example, fill, inContext, LINES, type Make, SLOT, tokens } from "./example.js";
import { cardNumbers, emailAddresses, ibans, phoneNumbers } from "./persons.js";
import { chat, cloud, code, models, payment } from "./services.js";

/** The seed of the examples: printed wherever they are used. */
export const EXAMPLE_SEED = 20_261;

/** At least three examples of every kind, always the same ones for one seed. */
export function drawExamples(seed: number): readonly Example[] {
  const draw = openDraw(seed);
  return MAKERS.flatMap((make) => make(draw));
}

const dashes = "-".repeat(5);

function pem(label: string, bytes: Buffer, armor = false): string {
  const lines = bytes.toString("base64").match(/.{1,64}/g) ?? [];
  const body = armor ? ["", ...lines, "=q1Zx"] : lines;
  return [`${dashes}BEGIN ${label}${dashes}`, ...body, `${dashes}END ${label}${dashes}`].join("\n");
}

const privateKeys: Make = (draw) => {
  const der = (): Buffer => Buffer.concat([Buffer.from([0x30, 0x82, 0x04, 0xa4, 0x02, 0x01, 0x00]), draw.bytes(140)]);
  const openssh = Buffer.concat([Buffer.from("openssh-key-v1\0\0\0\0\x04none"), draw.bytes(130)]);
  const blocks = [
    pem("PRIVATE KEY", der()),
    pem("RSA PRIVATE KEY", der()),
    pem("EC PRIVATE KEY", der()),
    pem("ENCRYPTED PRIVATE KEY", der()),
    pem("OPENSSH PRIVATE KEY", openssh),
    pem("PGP PRIVATE KEY BLOCK", draw.bytes(150), true),
  ];
  const escaped = pem("PRIVATE KEY", der()).replaceAll("\n", "\\n");
  return [
    ...blocks.map((secret) => ({
      kind: "private_key",
      secret,
      bare: secret,
      text: `The deploy key is\n${secret}\nand must stay here.`,
    })),
    { kind: "private_key", secret: escaped, bare: escaped, text: `{"type": "service", "data": "${escaped}\\n"}` },
  ];
};

const sessions: Make = (draw) => {
  const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString("base64url");
  const jwt = (alg: string, bytes: number): string =>
    [part({ alg, typ: "JWT" }), part({ sub: draw.text(12, DIGIT), iat: 1_770_000_000 }), draw.bytes(bytes)]
      .map((piece) => (typeof piece === "string" ? piece : piece.toString("base64url")))
      .join(".");
  return [
    ...tokens(
      "jwt",
      [jwt("HS256", 32), jwt("RS256", 128), jwt("ES256", 64)],
      ["Set-Cookie: session={}; Path=/", ...LINES],
    ),
    ...inContext("bearer_token", () => draw.text(32, ALNUM), [
      "Authorization: Bearer {}",
      '{"headers": {"authorization": "Bearer {}", "accept": "*/*"}}',
      "curl -H 'Authorization: Bearer {}' https://service.internal/v1",
    ]).map((example) => ({ ...example, field: { name: "Authorization", value: `Bearer ${example.secret}` } })),
  ];
};

const SCHEMES = [
  ["postgres", "app:{}@db.harbour.internal:5432/orders?sslmode=require"],
  ["mysql", "root:{}@10.20.30.40:3306/shop"],
  ["mongodb+srv", "svc:{}@cluster0.harbour.mongodb.net/?retryWrites=true"],
  ["redis", ":{}@cache.harbour.internal:6379/0"],
  ["amqp", "worker:{}@queue.harbour.internal:5672/jobs"],
  ["https", "deploy:{}@artifacts.harbour.internal/releases"],
] as const;

const passwords: Make = (draw) => [
  ...SCHEMES.map(([scheme, rest], index) => {
    const secret = draw.text(16, index % 2 === 0 ? ALNUM : `${ALNUM}!*._~-`);
    const bare = `${scheme}://${fill(rest, secret)}`;
    const text = fill(
      ["DATABASE_URL={}", "could not connect to {}: timed out", '{"url": "{}"}'][index % 3] ?? SLOT,
      bare,
    );
    return { kind: "connection_string", secret, bare, text };
  }),
  ...inContext("password_assignment", () => draw.text(24, ALNUM), [
    'api_key = "{}"',
    "password: {}",
    "SECRET_TOKEN={}",
    '{"client_secret": "{}", "scope": "read"}',
    "export DB_PASSWORD='{}'",
  ]).map((example) => ({ ...example, field: { name: "db_password", value: example.secret } })),
  ...inContext("password_assignment", () => `Violet-${draw.text(6, LOWER)}${draw.text(3, DIGIT)}!`, [
    "password: {}",
    'DB_PASSWORD="{}"',
  ]),
];

const personal: Make = (draw) => [
  ...tokens("email", emailAddresses(draw), [
    "Write to {} before Friday.",
    '{"customer": {"contact": "{}"}}',
    "From: Dana Reviewer <{}>",
    "user={} action=login result=ok",
  ]),
  ...phoneNumbers(draw).map((secret, index) => ({
    kind: "phone",
    secret,
    ...(secret.startsWith("+") ? { bare: secret } : {}),
    text: fill(
      ["Call me on {} after six.", "phone: {}", '{"telephone": "{}"}', "Tel. {} (office)"][index % 4] ?? SLOT,
      secret,
    ),
  })),
  ...tokens("payment_card", cardNumbers(draw), [
    "Paid with card {} on Monday.",
    '{"card_number": "{}", "exp": "11/29"}',
    "charge declined for {} (insufficient funds)",
  ]),
  ...tokens("iban", ibans(draw), ["Please transfer to {} by the end of May.", '{"iban": "{}"}', "IBAN: {}"]),
];

const MAKERS: readonly Make[] = [privateKeys, cloud, code, chat, payment, models, sessions, passwords, personal];
