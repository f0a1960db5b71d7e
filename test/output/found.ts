import type { OutputRule } from "../../src/outcome.js";
import { inspectChunks, inspectError, inspectOutput } from "../../src/output/inspect.js";
import { inspectStream } from "../../src/output/stream.js";
import type { Probe } from "./forms.js";

export const RULES: readonly OutputRule[] = [{ ruleId: "r", detect: ["secrets", "pii"], action: "redact" }];

/** Whether the gate kept the secret of a probe from leaving: the output was withheld, or no third of it is left. */
export function isFound(probe: Probe, rules: readonly OutputRule[] = RULES): boolean {
  if (probe.from === "thrown") {
    const inspection = inspectError(probe.value, rules);
    return inspection.verdict === "quarantine" || !survives(probe.carrier, textsOf(inspection.error).join(""));
  }
  if (probe.form === "chunks") return isFoundInStream(probe, rules);
  const inspection = inspectOutput(probe.value, rules);
  return inspection.verdict === "quarantine" || !survives(probe.carrier, textsOf(inspection.output.value).join(""));
}

/** Chunks of a stream: gathered, and passed on as they come, amid so much other text that they leave before its end. */
function isFoundInStream({ value, carrier }: Probe, rules: readonly OutputRule[]): boolean {
  const chunks = value as readonly string[];
  const gathered = inspectChunks(chunks, rules);
  if (gathered.verdict === "clear" && survives(carrier, textsOf(gathered.output.value).join(""))) return false;
  const inspector = inspectStream({ rules: () => rules });
  const left: unknown[] = [];
  for (const chunk of [FILLER, ...chunks, `\n${FILLER}`]) {
    const passed = inspector.push(chunk);
    if (!passed.ok) return true;
    left.push(...passed.chunks);
  }
  const last = inspector.end();
  return !last.ok || !survives(carrier, textsOf([...left, ...last.chunks]).join(""));
}

const FILLER = "The words before and after are many, and none of them is a secret. ".repeat(60);

/** Whether a third of the secret, in one piece, is left. */
export function survives(carrier: string, text: string): boolean {
  const length = Math.min(carrier.length, Math.max(4, Math.ceil(carrier.length / 3)));
  for (let from = 0; from + length <= carrier.length; from += 1) {
    if (text.includes(carrier.slice(from, from + length))) return true;
  }
  return false;
}

/** Every key and text of plain data, in order. */
function textsOf(value: unknown): readonly string[] {
  if (typeof value === "string") return [value];
  if (Array.isArray(value)) return value.flatMap(textsOf);
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([key, item]) => [key, ...textsOf(item)]);
}
