import type { Finding, OutcomeError, OutputRule } from "../outcome.js";
import { clean } from "./clean.js";
import { describeFailure } from "./failure.js";
import { OUTPUT_CAPS } from "./plain.js";
import { wellFormed } from "./pointer.js";
import { readError, TOO_LARGE } from "./read-error.js";
import { type Looking, openScan, type Scan } from "./scan.js";
import { layOut } from "./sheet.js";

/** What came of looking at an error. With `quarantine`, `error` is the gate's own and says nothing of what was thrown. */
export type ErrorInspection =
  | { readonly verdict: "clear"; readonly error: OutcomeError; readonly findings: readonly Finding[] }
  | {
      readonly verdict: "quarantine";
      readonly error: OutcomeError;
      readonly findings: readonly Finding[];
      /** Why, in words that hold nothing of the error. */
      readonly message: string;
    };

/** UTF-16 code units of an error's words that leave. Longer ones are cut, after redaction, and the cut is shown. */
const ERROR_CAPS = { message: 8 * 1024, stack: 8 * 1024, word: 256 } as const;

/**
 * Looks at what a dispatch function threw, be it an error or anything else, and never throws.
 * Own data properties leave, the name also from a prototype, and the stack. No getter of the error's own is called and no
 * proxy is asked.
 */
export function inspectError(thrown: unknown, rules: readonly OutputRule[], looking: Looking = {}): ErrorInspection {
  let scan: Scan | undefined;
  try {
    scan = openScan(rules, looking);
    const error = clean(scan, readError(thrown), layOut) as OutcomeError;
    const { findings } = scan;
    const reason = findings.find((finding) => finding.action === "quarantine");
    if (reason === undefined) return { verdict: "clear", error: cut(error), findings };
    return withhold(
      findings,
      `output rule \`${reason.ruleId}\` withheld the error: ${reason.kind} at \`${reason.path}\``,
    );
  } catch (error) {
    const why =
      error === TOO_LARGE
        ? `the error is over a limit: more than ${OUTPUT_CAPS.content} characters`
        : describeFailure("error", error, scan);
    return withhold(scan?.findings ?? [], why);
  }
}

function withhold(findings: readonly Finding[], message: string): ErrorInspection {
  return { verdict: "quarantine", error: { name: "Error", message: "the error was withheld" }, findings, message };
}

/** Redaction comes before the cut: half a secret would not be known for one. */
function cut({ name, message, code, stack, properties, errors, cause }: OutcomeError): OutcomeError {
  return {
    name: cutWord(name, ERROR_CAPS.word),
    message: cutWord(message, ERROR_CAPS.message),
    ...(code === undefined ? {} : { code: cutWord(code, ERROR_CAPS.word) }),
    ...(stack === undefined ? {} : { stack: cutWord(stack, ERROR_CAPS.stack) }),
    ...(properties === undefined ? {} : { properties }),
    ...(errors === undefined ? {} : { errors: errors.map(cut) }),
    ...(cause === undefined ? {} : { cause: cut(cause) }),
  };
}

function cutWord(text: string, most: number): string {
  if (text.length <= most) return wellFormed(text);
  return wellFormed(`${text.slice(0, most)}... [${text.length - most} more characters were cut]`);
}
