import { findEach } from "../../src/output/clues.js";
import { findersOf } from "../../src/output/detectors.js";
import { inspectOutput } from "../../src/output/inspect.js";
import { RULES } from "../../test/output/found.js";
import { openredaction } from "./openredaction.js";
import { secretlint } from "./secretlint.js";
import { textbook } from "./textbook.js";

/** Something whose speed is measured: what it does with one text. */
export interface Lane {
  readonly name: string;
  readonly look: (text: string) => unknown;
}

const finders = (["secrets", "pii"] as const).flatMap((name) => findersOf(name, new Map()));

const secrets = findersOf("secrets", new Map());

export const LANES: readonly Lane[] = [
  // Ours looks at the text as it came and no further: what expressions over the text do.
  { name: "dispatch-gate, raw view", look: (text) => findEach(finders, text, () => () => undefined) },
  // The same for secrets alone, which is what linters for secrets look for.
  { name: "dispatch-gate, raw view, secrets alone", look: (text) => findEach(secrets, text, () => () => undefined) },
  // Ours as it runs: the copy, every view, redaction and the recorded form.
  { name: "dispatch-gate, all views", look: (text) => inspectOutput(text, RULES) },
  ...[textbook, secretlint, openredaction].map(({ name, find }) => ({ name, look: find })),
];
