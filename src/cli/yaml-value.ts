import type { Json } from "../outcome.js";
import { readYaml } from "../policy/read-yaml.js";
import { DEFAULT_MAX_BYTES } from "../policy/source.js";
import { CannotRun } from "./io.js";

/** What is read, for the message where it cannot be. */
export interface YamlAsked {
  /** The file, or what it stands in. */
  readonly shown: string;
  /** As `a job`. */
  readonly what: string;
  readonly code: string;
}

/** The value of a text in YAML or JSON, under the rules for policies; undefined of an empty one. @throws CannotRun with the first problem. */
export function yamlValue(text: string, { shown, what, code }: YamlAsked): Json | undefined {
  const { value, issues } = readYaml(text, DEFAULT_MAX_BYTES);
  const [issue] = issues;
  if (issue === undefined) return value;
  const place = issue.line === undefined ? "" : `:${issue.line}:${issue.column ?? 1}`;
  throw new CannotRun(code, `${shown}${place}: ${issue.message.replace("a policy", what)}`, issue.help);
}
