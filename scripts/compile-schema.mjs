// Compiles src/policy/schema.json to plain code, so that the package needs neither ajv nor `eval` at run time.
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { Ajv2020 } from "ajv/dist/2020.js";
import standalone from "ajv/dist/standalone/index.js";

const at = (path) => fileURLToPath(new URL(`../${path}`, import.meta.url));
const schema = JSON.parse(readFileSync(at("src/policy/schema.json"), "utf8"));

const ajv = new Ajv2020({
  allErrors: true,
  // Messages are made from the schema's own words: src/policy/translate.ts.
  verbose: true,
  messages: false,
  allowUnionTypes: true,
  code: { source: true, esm: true, lines: true },
});
// ajv joins the errors of a referenced schema by copying all so far: with 200,000 broken rules that is minutes.
const JOIN = /vErrors = vErrors === null \? (\w+)\.errors : vErrors\.concat\(\1\.errors\);/g;
const APPEND = `function append(all, more) {
  if (all === null) return more;
  for (const error of more) all.push(error);
  return all;
}`;
const code = `${standalone.default(ajv, ajv.compile(schema)).replace(JOIN, "vErrors = append(vErrors, $1.errors);")}\n${APPEND}\n`;
if (code.includes(".concat(")) throw new Error("ajv joins errors in another way now: see JOIN");

if (/\brequire\(|\bimport\b|\beval\(|new Function/.test(code)) {
  throw new Error("the compiled schema asks for code of its own: keep to keywords without run-time helpers");
}

writeFileSync(
  at("src/policy/validate-document.generated.js"),
  `// Made from schema.json by scripts/compile-schema.mjs.\n${code}`,
);
writeFileSync(
  at("src/policy/validate-document.generated.d.ts"),
  `// Made by scripts/compile-schema.mjs.
export interface SchemaError {
  readonly instancePath: string;
  readonly keyword: string;
  readonly params: Readonly<Record<string, unknown>>;
  readonly schema: unknown;
  readonly parentSchema: Readonly<Record<string, unknown>>;
  readonly data: unknown;
}
export const validate: {
  (document: unknown): boolean;
  errors?: readonly SchemaError[] | null;
};
`,
);
