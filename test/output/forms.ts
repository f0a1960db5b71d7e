import type { Example } from "./example.js";

/** How a secret may stand in what a job returns or throws. */
export const FORMS = [
  "plain",
  "nested",
  "key",
  "error",
  "chunks",
  "list",
  "base64",
  "hex",
  "percent",
  "zero-width",
  "full-width",
  "line-broken",
] as const;

export type Form = (typeof FORMS)[number];

/** One value or error that holds a secret. */
export interface Probe {
  readonly form: Form;
  /** What is special about it, for whoever must find out why it was missed. */
  readonly label: string;
  readonly from: "returned" | "thrown";
  readonly value: unknown;
  /** What the secret has become. Not a third of it, in one piece, may leave. */
  readonly carrier: string;
}

/** Every form of one example: "found" is a form of which every probe is. */
export function forms(example: Example): Readonly<Record<Form, readonly Probe[]>> {
  return {
    plain: texts(example).map((text) => returned("plain", "a text", text, example.secret)),
    nested: nested(example),
    key: texts(example).map((text) => returned("key", "a key", { [text]: true }, example.secret)),
    error: thrown(example),
    chunks: chunks("chunks", example),
    list: chunks("list", example),
    base64: base64(example),
    hex: hex(example),
    percent: percent(example),
    "zero-width": spelled(example, "zero-width", ZERO_WIDTH),
    "full-width": spelled(example, "full-width", [["full width", fullWidth]]),
    "line-broken": broken(example),
  };
}

function returned(form: Form, label: string, value: unknown, carrier: string): Probe {
  return { form, label, from: "returned", value, carrier };
}

function texts({ text, bare }: Example): readonly string[] {
  return bare === undefined ? [text] : [text, bare];
}

function nested(example: Example): readonly Probe[] {
  const { field, secret } = example;
  const deep = (leaf: unknown): unknown => ({ pages: [{ id: 1 }, { rows: [[{ meta: { items: [null, leaf] } }]] }] });
  return [
    ...texts(example).map((text) => returned("nested", "deep inside", deep({ value: text }), secret)),
    ...texts(example).map((text) => returned("nested", "in a list", deep([text, "and more"]), secret)),
    ...(field === undefined
      ? []
      : [returned("nested", `as field ${field.name}`, deep({ [field.name]: field.value }), secret)]),
  ];
}

function thrown(example: Example): readonly Probe[] {
  const { secret, text } = example;
  const withStack = new Error("the call failed");
  withStack.stack = `Error: the call failed\n    at connect (${text})`;
  const errors: readonly (readonly [string, unknown])[] = [
    ["message", new Error(text)],
    ["cause", new Error("the call failed", { cause: new TypeError(text) })],
    ["cause that is a text", new Error("the call failed", { cause: text })],
    ["stack", withStack],
    ["own property", Object.assign(new Error("the call failed"), { config: { headers: [text] } })],
    ["code", Object.assign(new Error("the call failed"), { code: text })],
    ["a thrown text", text],
  ];
  return errors.map(([label, value]) => ({ form: "error", label, from: "thrown", value, carrier: secret }));
}

/** Chunks of a stream, or texts of a list. Two, split before, after and at every position inside; and a chunk for every character. */
function chunks(form: Form, { secret, text }: Example): readonly Probe[] {
  const start = text.indexOf(secret);
  const splits = Array.from({ length: secret.length + 1 }, (_, offset) => start + offset);
  return [
    returned(form, "a chunk a character", [...text], secret),
    ...splits.map((at) =>
      returned(form, `split at ${at - start} of ${secret.length}`, [text.slice(0, at), text.slice(at)], secret),
    ),
  ];
}

/** The encoded text as a value, and in a sentence. */
function encoded(form: Form, label: string, whole: string, carrier: string): readonly Probe[] {
  return [
    returned(form, label, whole, carrier),
    returned(form, `${label} in a line`, `payload ${whole} of 1 part`, carrier),
  ];
}

function base64({ secret, text }: Example): readonly Probe[] {
  const start = Buffer.byteLength(text.slice(0, text.indexOf(secret)));
  const end = start + Buffer.byteLength(secret);
  return (["base64", "base64url"] as const).flatMap((encoding) => {
    const whole = Buffer.from(text).toString(encoding);
    // The characters that stand for nothing but the secret.
    return encoded("base64", encoding, whole, whole.slice(Math.ceil((start * 4) / 3), Math.floor((end * 4) / 3)));
  });
}

function hex({ secret, text }: Example): readonly Probe[] {
  const spell = (from: string): string => Buffer.from(from).toString("hex");
  return [
    ...encoded("hex", "small letters", spell(text), spell(secret)),
    ...encoded("hex", "capitals", spell(text).toUpperCase(), spell(secret).toUpperCase()),
  ];
}

function percent({ secret, text }: Example): readonly Probe[] {
  const spell = (from: string): string => Buffer.from(from).toString("hex").replace(/../g, "%$&");
  return [
    ...encoded("percent", "small letters", spell(text), spell(secret)),
    ...encoded("percent", "capitals", spell(text).toUpperCase(), spell(secret).toUpperCase()),
  ];
}

type Spell = (text: string) => string;

const between =
  (mark: string): Spell =>
  (text) =>
    [...text].join(mark);

/** Characters that no screen shows. */
const ZERO_WIDTH: readonly (readonly [string, Spell])[] = [
  ["U+200B", between("\u200b")],
  ["U+200C", between("\u200c")],
  ["U+200D", between("\u200d")],
  ["U+2060", between("\u2060")],
  ["U+FEFF", between("\ufeff")],
  ["U+00AD", between("\u00ad")],
  ["three in a row", between("\u200b\u2060\u200d")],
];

const fullWidth: Spell = (text) =>
  text
    .replace(/[\u0021-\u007e]/g, (character) => String.fromCharCode(character.charCodeAt(0) + 0xfee0))
    .replaceAll(" ", "\u3000");

/** Only the secret spelled so, and the whole text. */
function spelled(example: Example, form: Form, spellings: readonly (readonly [string, Spell])[]): readonly Probe[] {
  const { secret, text } = example;
  return spellings.flatMap(([label, spell]) => [
    returned(form, `${label}, the secret`, text.split(secret).join(spell(secret)), spell(secret)),
    returned(form, `${label}, the whole text`, spell(text), spell(secret)),
  ]);
}

function broken({ secret, text }: Example): readonly Probe[] {
  const middle = Math.ceil(secret.length / 2);
  return ["\n", "\n    "].map((gap) => {
    const carrier = secret.slice(0, middle) + gap + secret.slice(middle);
    return returned("line-broken", JSON.stringify(gap), text.split(secret).join(carrier), carrier);
  });
}
