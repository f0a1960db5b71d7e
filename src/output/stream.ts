import type { Finding, OutputRule } from "../outcome.js";
import { clean } from "./clean.js";
import { encodeOutput } from "./encode.js";
import { describeFailure } from "./failure.js";
import type { Sighting } from "./look.js";
import { copyPlain } from "./plain.js";
import { redactValue } from "./redact.js";
import { type Looking, openScan, type Scan, sightingsIn } from "./scan.js";
import { layOutChunks } from "./sheet.js";
import { cutOf, freeOf, placeBefore, STREAM_CAPS } from "./stream-hold.js";

/** Chunks that may leave, or why nothing more may. */
export type Passed =
  | { readonly ok: true; readonly chunks: readonly unknown[] }
  | { readonly ok: false; readonly message: string };

/** How a stream is looked at. The rules are asked for at each look: those in force then count. */
export interface StreamLooking extends Looking {
  readonly rules: () => readonly OutputRule[];
  /** The most UTF-8 bytes of all chunks' recorded form. Default: no limit. */
  readonly maxBytes?: number | undefined;
}

/** Looks at a stream chunk by chunk, and lets through what nothing that may still come can make part of a secret. */
export interface StreamInspector {
  /** Takes one more chunk. Never throws; once it has answered that nothing more may leave, nothing ever may. */
  readonly push: (chunk: unknown) => Passed;
  /** All that is left. */
  readonly end: () => Passed;
  readonly findings: readonly Finding[];
}

/**
 * An inspector of one stream, in memory that does not grow with it. Texts are one text, cut anew where they leave: its chunks
 * are other chunks. A value that is no text leaves whole.
 */
export function inspectStream(looking: StreamLooking): StreamInspector {
  const findings: Finding[] = [];
  let stopped: Passed | undefined;
  let pending: unknown[] = [];
  let context = "";
  let held = 0;
  let hold: number = STREAM_CAPS.hold;
  let lookAfter = hold * 2;
  let bytes = 0;
  /** Number of the first chunk that is pending. */
  let number = 0;

  const stop = (message: string): Passed => {
    stopped = { ok: false, message };
    pending = [];
    return stopped;
  };

  const release = (isEnd: boolean): Passed => {
    let scan: Scan | undefined;
    try {
      scan = openScan(looking.rules(), looking);
      const chunks = [context, ...pending];
      const sheet = layOutChunks(chunks);
      const sightings = sightingsIn(scan, sheet).filter(({ end }) => end > context.length);
      const free = isEnd ? sheet.text.length : Math.max(context.length, freeOf(sheet, hold));
      const cut = isEnd ? free : cutOf(sheet, sightings, { free, least: context.length });
      if (free - cut > STREAM_CAPS.open * (hold / STREAM_CAPS.hold))
        return stop(`a ${openKind(sightings, cut)} goes on for too long`);
      const { leaving, staying, until } = split(chunks, sheet.ends, cut);
      const cleaned = redactLeaving(
        scan,
        leaving,
        sightings.filter(({ end }) => end <= until),
      );
      for (const finding of scan.findings) findings.push({ ...finding, path: numbered(finding.path, number - 1) });
      const reason = scan.findings.find(({ action }) => action === "quarantine");
      if (reason !== undefined) {
        return stop(
          `output rule \`${reason.ruleId}\` ended the stream: ${reason.kind} at \`${findings.at(-1)?.path}\``,
        );
      }
      if (findings.length > MAX_STREAM_FINDINGS) return stop(`more than ${MAX_STREAM_FINDINGS} findings`);
      number += pending.length - staying.length;
      context = contextOf(cleaned);
      pending = [...staying];
      held = sheet.text.length - until + staying.length * CHUNK_WEIGHT;
      lookAfter = Math.max(hold * 2, held * 2);
      // The first is what has left before.
      return { ok: true, chunks: cleaned.slice(1).filter((chunk) => chunk !== "") };
    } catch (error) {
      return stop(describeFailure("stream", error, scan));
    }
  };

  return {
    findings,
    push: (chunk) => {
      if (stopped !== undefined) return stopped;
      const copied = copyPlain(chunk);
      if (!copied.ok) return stop(`a chunk is not plain data: ${copied.message}`);
      if (looking.maxBytes !== undefined) {
        bytes += Buffer.byteLength(encodeOutput(copied.value));
        if (bytes > looking.maxBytes) return stop(`the output is larger than ${looking.maxBytes} bytes`);
      }
      pending.push(copied.value);
      held += lengthOf(copied.value) + CHUNK_WEIGHT;
      if (typeof copied.value !== "string" && hold < STREAM_CAPS.holdValues) {
        hold = STREAM_CAPS.holdValues;
        lookAfter = hold * 2;
      }
      return held < lookAfter ? NOTHING : release(false);
    },
    end: () => stopped ?? release(true),
  };
}

const NOTHING: Passed = Object.freeze({ ok: true, chunks: Object.freeze([]) });

/** Findings of one stream, which may be long. */
const MAX_STREAM_FINDINGS = 10_000;

/** What a chunk counts beside its text, so that chunks without any do not gather. */
const CHUNK_WEIGHT = 1;

function lengthOf(chunk: unknown): number {
  return typeof chunk === "string" ? chunk.length : layOutChunks([chunk]).text.length;
}

function openKind(sightings: readonly Sighting[], from: number): string {
  return sightings.find(({ end }) => end > from)?.kind ?? "value";
}

/** The chunks before and after a place in their sheet, and where they part: a text is cut there, another value stays. */
function split(
  chunks: readonly unknown[],
  ends: readonly number[],
  cut: number,
): { readonly leaving: readonly unknown[]; readonly staying: readonly unknown[]; readonly until: number } {
  const index = ends.findIndex((end) => end > cut);
  if (index === -1) return { leaving: chunks, staying: [], until: ends.at(-1) ?? 0 };
  const chunk = chunks[index];
  const start = index === 0 ? 0 : (ends[index - 1] ?? 0);
  const rest = chunks.slice(index + 1);
  if (typeof chunk !== "string") return { leaving: chunks.slice(0, index), staying: [chunk, ...rest], until: start };
  const head = cut - start;
  return {
    leaving: [...chunks.slice(0, index), chunk.slice(0, head)],
    staying: [chunk.slice(head), ...rest],
    until: cut,
  };
}

function redactLeaving(scan: Scan, leaving: readonly unknown[], sightings: readonly Sighting[]): readonly unknown[] {
  if (sightings.length === 0) return leaving;
  const redacted = redactValue(scan, leaving, { sheet: layOutChunks(leaving), sightings });
  if (scan.findings.some(({ action }) => action === "quarantine")) return leaving;
  return clean(scan, redacted, (list) => layOutChunks(list as readonly unknown[])) as readonly unknown[];
}

/** The end of what has left, as it left: what comes next may only be understood with it. */
function contextOf(leaving: readonly unknown[]): string {
  const { text } = layOutChunks(leaving.slice(-CONTEXT_CHUNKS));
  return text.slice(placeBefore(text, STREAM_CAPS.context));
}

const CONTEXT_CHUNKS = 256;

/** The path within one look, counted from the beginning of the stream. */
function numbered(path: string, before: number): string {
  return path.replace(/^\/\d+/, (step) => `/${Math.max(0, Number(step.slice(1)) + before)}`);
}
