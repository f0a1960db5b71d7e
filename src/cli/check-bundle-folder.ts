import { createTraceCheck, type TraceCheck, whyNotProved } from "../evidence/check-bundle.js";
import { createLinesCheck } from "../evidence/check-log.js";
import { MAX_EVENT_BYTES } from "../evidence/event.js";
import type { Faults } from "../evidence/faults.js";
import { readCanonical } from "../evidence/read-event.js";
import { isSnapshot } from "../evidence/snapshots.js";
import { timelineJson, traceOfJson } from "../evidence/timeline-json.js";
import { TIMELINE_FORM, TIMELINE_HEAD, timelineText } from "../evidence/timeline-text.js";
import type { PolicyDocument } from "../policy/document.js";
import { isSnapshotOf } from "../policy/snapshot.js";
import type { EvidenceFolder } from "./evidence-folder.js";
import {
  type Checked,
  checkNames,
  type FolderCheck,
  NOTHING,
  numbersIn,
  readHead,
  result,
  UNFINISHED,
} from "./folder-check.js";
import type { Progress } from "./progress.js";

/** Checks the evidence of one trace: each event by its proof, and what is made of them by making it again. */
export async function checkBundleFolder(
  { folder, key: given, faults }: FolderCheck,
  progress: Progress,
): Promise<Checked> {
  const names = await checkNames(folder, BUNDLE, faults, new Set(["values.jsonl"]));
  const { key, checkpoint, note } = await readHead({ folder, key: given, faults });
  const indices = await numbersIn(folder, "proofs", ".tlog-proof", faults);
  const lines = createLinesCheck("events.jsonl", faults);
  const trace = createTraceCheck(faults);
  const read = await folder.lines("events.jsonl", MAX_EVENT_BYTES, async (line) => {
    const event = lines.take(line);
    progress.at(lines.count(), indices.length);
    const index = indices[lines.count() - 1];
    if (index === undefined || line === null) return;
    await checkProof({ folder, key, faults }, line, { index, note });
    if (event !== null) trace.take(event, { index, line: lines.count(), bytes: line.length });
  });
  if (read?.isUnfinished) faults.add("line_unfinished", `events.jsonl:${lines.count() + 1}`, UNFINISHED);
  if (lines.count() !== indices.length) {
    faults.add("proofs_miscounted", "proofs", `${lines.count()} events are here, and ${indices.length} proofs`);
  }
  const counts = { ...NOTHING, events: lines.count(), proofs: indices.length };
  if (trace.isCut()) {
    faults.add("timeline_unchecked", "events.jsonl", "there are more events than can be held against the rest");
    return result("bundle", key, checkpoint, counts);
  }
  const policies = await checkPolicies(folder, trace, faults);
  const values = names.has("values.jsonl") ? await checkValues(folder, trace, faults) : 0;
  await checkTimeline(folder, trace, faults);
  return result("bundle", key, checkpoint, { ...counts, policies, values });
}

const BUNDLE: ReadonlySet<string> = new Set([
  "events.jsonl",
  "proofs",
  "checkpoint",
  "key",
  "policies",
  "timeline.json",
  "timeline.txt",
]);

async function checkProof(
  { folder, faults }: FolderCheck,
  line: Uint8Array,
  { index, note }: { readonly index: number; readonly note: string | null },
): Promise<void> {
  const name = `proofs/${index}.tlog-proof`;
  const proof = await folder.text(name);
  if (proof === null || note === null) return;
  const why = whyNotProved(line, { index, proof, checkpoint: note });
  if (why !== null) faults.add(why.code, name, why.message);
}

/** Policies of this size are read; a hundred thousand rules have less. */
const MAX_POLICY = 33_554_432;

async function checkPolicies(folder: EvidenceFolder, trace: TraceCheck, faults: Faults): Promise<number> {
  const missing = new Set(trace.snapshots());
  let count = 0;
  for await (const name of folder.names("policies")) {
    const snapshot = name.replace(/\.json$/, "");
    if (name !== `${snapshot}.json` || !isSnapshot(snapshot) || !missing.delete(snapshot)) {
      faults.add("file_unexpected", `policies/${name}`, "no event names such a policy");
      continue;
    }
    count += 1;
    const bytes = await folder.bytes(`policies/${name}`, MAX_POLICY);
    if (bytes !== null) checkPolicy(bytes, snapshot, faults);
  }
  for (const snapshot of missing) {
    faults.add("policy_missing", `policies/${snapshot}.json`, "an event names the policy, and it is not here");
  }
  return count;
}

function checkPolicy(bytes: Uint8Array, snapshot: string, faults: Faults): void {
  const place = `policies/${snapshot}.json`;
  const document = readCanonical(bytes);
  if (typeof document !== "object" || document === null || Array.isArray(document)) {
    faults.add("policy_malformed", place, "the file is no policy in canonical JSON");
    return;
  }
  const same = isSame(document as unknown as PolicyDocument, snapshot);
  if (!same) faults.add("policy_differs", place, "the policy is not the one of that snapshot");
}

/** What is no policy at all has no snapshot. */
function isSame(document: PolicyDocument, snapshot: string): boolean {
  try {
    return isSnapshotOf(snapshot, document);
  } catch {
    return false;
  }
}

/** Bytes of one line: a job has 16 MiB at most, and most of it may have to be escaped. */
const MAX_VALUE = 36_700_160;

async function checkValues(folder: EvidenceFolder, trace: TraceCheck, faults: Faults): Promise<number> {
  let count = 0;
  const read = await folder.lines("values.jsonl", MAX_VALUE, (line) => {
    count += 1;
    trace.takeValue(line, `values.jsonl:${count}`);
  });
  if (read?.isUnfinished) faults.add("line_unfinished", `values.jsonl:${count + 1}`, UNFINISHED);
  return count;
}

/** Bytes of a line of the timeline: an event with what was said, and their names. */
const MAX_ENTRY = 131_072;

async function checkTimeline(folder: EvidenceFolder, trace: TraceCheck, faults: Faults): Promise<void> {
  let expected: Iterator<string> | null = null;
  let traceId: string | null = null;
  let count = 0;
  let differs: number | null = null;
  const read = await folder.lines("timeline.json", MAX_ENTRY, (line) => {
    count += 1;
    const text = line === null ? "" : Buffer.from(line).toString("utf8");
    if (count === 1) {
      traceId = traceOfJson(text);
      expected = timelineJson(trace.timeline(traceId ?? ""))[Symbol.iterator]();
    }
    const next = expected?.next();
    if (next?.done !== false || next.value !== text) differs ??= count;
  });
  if (read === null) return;
  const isShort = (expected as Iterator<string> | null)?.next().done !== true;
  if (differs !== null || isShort || read.isUnfinished) {
    faults.add("timeline_differs", `timeline.json:${differs ?? count + 1}`, "the timeline is not that of the events");
  }
  if (traceId === null) return;
  trace.checkTrace(traceId);
  await checkText(folder, timelineText(trace.timeline(traceId)), faults);
}

async function checkText(folder: EvidenceFolder, expected: string, faults: Faults): Promise<void> {
  const most = Buffer.byteLength(expected);
  const text = await folder.text("timeline.txt", Math.max(most, MAX_ENTRY));
  if (text === null || text === expected) return;
  const own = `${TIMELINE_HEAD}${TIMELINE_FORM},`;
  if (text.startsWith(TIMELINE_HEAD) && !text.startsWith(own)) {
    faults.add("timeline_unchecked", "timeline.txt", "the text is of a form that this version does not make");
    return;
  }
  faults.add("timeline_differs", "timeline.txt", "the text is not that of the events");
}
