import { displayLiteral } from "../evidence/display.js";
import type { Fault } from "../evidence/faults.js";
import { formatKey } from "../evidence/note.js";
import type { Json } from "../outcome.js";
import type { Checked } from "./folder-check.js";
import { count, inked, type Line, shownPath } from "./print.js";

/** What came of a check. */
export interface Verified extends Omit<Checked, "kind"> {
  readonly kind: Checked["kind"] | "proof";
  /** False: it was checked with the key that came with it. */
  readonly isKeyGiven: boolean;
  /** What a single proof is of: its place from 0, and the event in words where it is one. */
  readonly event: { readonly index: number; readonly summary: string | null } | null;
  readonly faults: { readonly list: readonly Fault[]; readonly count: number };
}

const KINDS: Readonly<Record<Verified["kind"], string>> = {
  log: "a whole log",
  bundle: "the evidence of one trace",
  proof: "the proof of one event",
};

/** What is said of a key that nobody vouched for. */
const OWN_KEY = "checked with the key that came with it, which whoever made the folder could have made: give --key";

/** For people. */
export function verifiedLines(path: string, verified: Verified): readonly Line[] {
  const { kind, key, size, root, counts, event, faults, isKeyGiven } = verified;
  const ok = faults.count === 0;
  const verdict = ok ? inked("good", "holds") : inked("bad", `does not hold: ${count(faults.count, "finding")}`);
  const more = faults.count - faults.list.length;
  return [
    [inked("strong", shownPath(path)), `: ${KINDS[kind]} `, verdict],
    ...(key === null ? [] : [[`  log ${displayLiteral(key.name)}`]]),
    ...(size === null ? [] : [[`  signed ${count(size, "event")}, root ${root}`]]),
    ...(event === null ? [] : [[`  event ${event.index + 1}: ${displayLiteral(event.summary ?? "not readable")}`]]),
    ...(kind === "proof" ? [] : [[`  here ${countsLine(counts)}`]]),
    ...faults.list.map(
      ({ code, place, message }): Line => ["  ", shownPlace(place), ": ", inked("bad", message), ` [${code}]`],
    ),
    ...(more === 0 ? [] : [[`  and ${count(more, "more finding")}`]]),
    ...(isKeyGiven || key === null ? [] : [["  ", inked("wait", OWN_KEY)]]),
  ];
}

function countsLine({ events, checkpoints, proofs, policies, values }: Verified["counts"]): string {
  const parts = [
    [checkpoints, "earlier checkpoint"],
    [proofs, "proof"],
    [policies, "policy", "policies"],
    [values, "private value"],
  ] as const;
  const named = parts.flatMap(([number, one, many]) => (number === 0 ? [] : [count(number, one, many)]));
  return [count(events, "event"), ...named].join(", ");
}

/** Where something does not hold: names of our own as they stand, and any other as a literal. */
function shownPlace(place: string): string {
  return /^[\w./:-]{1,128}$/.test(place) ? place : displayLiteral(place);
}

/** As one document. */
export function verifiedJson(path: string, verified: Verified): Json {
  const { kind, key, size, root, counts, event, faults, isKeyGiven } = verified;
  return {
    command: "verify",
    ok: faults.count === 0,
    path,
    kind,
    key: key === null ? null : formatKey(key),
    key_given: isKeyGiven,
    size,
    root,
    event,
    ...counts,
    findings: faults.list.map(({ code, place, message }) => ({ code, place, message })),
    more: faults.count - faults.list.length,
  };
}
