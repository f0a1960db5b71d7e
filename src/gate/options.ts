import { types } from "node:util";
import type { Dispatch, EnforcedDispatch } from "../dispatch/dispatcher.js";
import type { Enforcer } from "../dispatch/enforcer.js";
import { type NoteKey, parseKey } from "../evidence/note.js";
import { DEFAULT_MAX_JOB_BYTES } from "../job/admit.js";
import type { AdmittedJob } from "../job/job.js";
import { type HostDetector, type HostDetectors, readDetectors } from "../output/detectors.js";
import type { Policy, PolicySource, QueueLimits } from "../policy/policy.js";
import { refuseUnknown } from "../refuse-unknown.js";
import { checkSigner, type Signer } from "../signer.js";
import type { Store } from "../store/port.js";
import type { CheckpointRhythm } from "./checkpoints.js";
import type { GateEvent } from "./hub.js";
import type { Reconcile } from "./lost-claim.js";
import type { RefusalSettings } from "./refusals.js";
import type { Telemetry } from "./telemetry.js";

/** What `deriveTags` may answer. */
export type DerivedTags = readonly string[] | ReadonlySet<string>;

/** How a gate is made. Unknown keys are refused. */
export interface GateOptions {
  /** A path, a source, or a compiled policy. Required, unless `activate` is `"never"`. */
  readonly policy?: string | PolicySource | Policy;
  /** Path of an SQLite file (`:memory:` keeps nothing), or a store. Default `./dispatch-gate.db`. */
  readonly store?: string | Store;
  /** The dispatcher named `default`, with whoever holds it to paths and networks where somebody does. */
  readonly dispatch?: Dispatch | EnforcedDispatch;
  /** Further dispatchers, by name. */
  readonly dispatchers?: Readonly<Record<string, Dispatch | EnforcedDispatch>>;
  /** Who holds dispatchers to constraints that the gate cannot hold them to; dispatchers name them. */
  readonly enforcers?: readonly Enforcer[];
  /**
   * Says of an error that the attempt had no effect, so that it may be tried again where `max_retries` allows. Default: only a
   * `NoEffectError` says so. Throwing says no.
   */
  readonly isWithoutEffect?: (error: unknown) => boolean;
  /**
   * The private Ed25519 key that permits are signed with: a JWK, or a `KeyObject`. Default: a fresh one for each gate, which is
   * never written anywhere.
   */
  readonly permitKey?: object;
  /** `"always"` (default): opening makes this policy the one in force. `"never"`: the store's active policy is used. */
  readonly activate?: "always" | "never";
  /**
   * What happens to jobs while the store is away. `"closed"` (default): none runs. `"open"`: a job that is allowed outright, holds no
   * place anywhere and has no id of its own runs, once its record is durable in the spool; see `docs/reliability.md`.
   */
  readonly failMode?: "closed" | "open";
  /** Where the records of such jobs are kept until the store is back. */
  readonly spool?: Partial<SpoolSettings>;
  /** How many refusals are written whole before they are only counted. */
  readonly refusals?: Partial<RefusalSettings>;
  /** Milliseconds of the gate's own time before dispatch, 1 to 600,000. Default 2,000. */
  readonly deadlineMs?: number;
  /** Seconds of run time where no rule says less, over 0, at most 31,536,000. Default 900. */
  readonly maxRuntimeSec?: number;
  /** Seconds that a stream which is passed on may stand still, over 0, at most 86,400. Default 60. */
  readonly streamIdleSec?: number;
  /** UTF-8 bytes of a job's canonical JSON, 1,024 to 16,777,216. Default 1,048,576. */
  readonly maxJobBytes?: number;
  /** Detectors of the host's own, which the output rules of a policy name as `{ detector: name }`. Default: none. */
  readonly detectors?: readonly HostDetector[];
  /**
   * At least 32 bytes that only the host knows. With it equal findings have equal fingerprints within one tenant, whatever
   * job they come from. Default: a fresh key for each job, which is never written anywhere.
   */
  readonly fingerprintKey?: Uint8Array;
  /**
   * Whether an output that is withheld is kept beside the log, so that `outputs.release` can deliver it. `"discard"`: nothing of
   * it is ever written, and only its commitment stands in the log. Default `"keep"`.
   */
  readonly quarantined?: "keep" | "discard";
  /**
   * Asked about each job that is `UNKNOWN` since its process died, when a gate opens and by `recover`. Default: nobody is, and such
   * jobs stay as they are.
   */
  readonly reconcile?: Reconcile;
  /** Adds risk tags to what the job declares. It sees the frozen copy; throwing refuses the job. */
  readonly deriveTags?: (job: AdmittedJob) => DerivedTags | Promise<DerivedTags>;
  /** `"restrict_only"`: tags that a job declares can tighten, but never satisfy a permission. Default `"trusted"`. */
  readonly declaredTags?: "trusted" | "restrict_only";
  /**
   * How closely an approval is bound to the policy. `"snapshot"` (default): any change of the policy ends it.
   * `"decision"`: it holds for as long as the policy's decision about the job stays the same.
   */
  readonly approvalBinding?: "snapshot" | "decision";
  /** Bounds of the queue beside those of the policy: of two, the tighter counts. */
  readonly queue?: Partial<QueueLimits>;
  /**
   * Called for each transition of an approval request that this process made, after it is durable and before the call that
   * made it is answered. What it throws is ignored. At most once: a feed that misses nothing is `audit.events`.
   */
  readonly onEvent?: (event: GateEvent) => unknown;
  /**
   * Who signs the log. Default: a key file beside an SQLite file (`keyFile`); for any other store a fresh key, which is written
   * nowhere, so that what it signs can be checked only by who keeps `audit.key`.
   */
  readonly signer?: Signer;
  /**
   * Where the key that signs the log is kept: made, for its owner alone, where there is none. Default: the path of the SQLite
   * file with `.key` behind it.
   */
  readonly keyFile?: string;
  /** Names the log in what is signed, where a key is made. Default: `dispatch-gate.local/` and 16 random hex digits. */
  readonly origin?: string;
  /**
   * Verifier keys (C2SP signed-note, `name+id+key`) that signed this log before the present one: without the key that signed
   * last, or its naming here, a gate does not open on a log. Default: none.
   */
  readonly formerKeys?: readonly string[];
  /** When the log is signed without being asked to: at once for requests and votes, and at the latest by these. */
  readonly checkpoints?: Partial<CheckpointRhythm>;
  /** Is told of each job while it goes through the gate; see `dispatch-gate/otel`. Default: nobody is. */
  readonly telemetry?: Telemetry;
  /** The time in milliseconds since 1970-01-01T00:00:00Z. Default: the system's clock. */
  readonly now?: () => number;
}

/** The file that holds, in fail mode `open`, what is done while the store is away. */
export interface SpoolSettings {
  /**
   * Each process makes a file of its own: this path, a dot, and a fresh id. Default: the path of the SQLite file with `.spool`
   * behind it. On a disk other than the database's it helps where that disk fails.
   */
  readonly path: string;
  /** Its size, all of which is taken when the gate opens: 65,536 to 1,073,741,824 bytes. Default 4,194,304. */
  readonly maxBytes: number;
}

/** The options with their defaults, copied once. */
export interface Settings {
  readonly policy: string | PolicySource | Policy | undefined;
  readonly store: string | Store;
  readonly dispatch: Dispatch | EnforcedDispatch | undefined;
  readonly dispatchers: ReadonlyMap<string, Dispatch | EnforcedDispatch>;
  readonly enforcers: readonly Enforcer[];
  readonly isWithoutEffect: GateOptions["isWithoutEffect"];
  readonly permitKey: object | undefined;
  readonly activate: "always" | "never";
  readonly failMode: "closed" | "open";
  readonly refusals: RefusalSettings;
  readonly spool: { readonly path: string | undefined; readonly maxBytes: number };
  readonly deadlineMs: number;
  readonly maxRuntimeSec: number;
  readonly streamIdleSec: number;
  readonly maxJobBytes: number;
  readonly detectors: HostDetectors;
  /** In hex. */
  readonly fingerprintKey: string | undefined;
  readonly quarantined: "keep" | "discard";
  readonly reconcile: Reconcile | undefined;
  readonly deriveTags: GateOptions["deriveTags"];
  readonly declaredTags: "trusted" | "restrict_only";
  readonly approvalBinding: "snapshot" | "decision";
  readonly queue: Partial<QueueLimits>;
  readonly onEvent: GateOptions["onEvent"];
  readonly signer: Signer | undefined;
  readonly keyFile: string | undefined;
  readonly origin: string | undefined;
  readonly formerKeys: readonly NoteKey[];
  readonly checkpoints: CheckpointRhythm;
  readonly telemetry: Telemetry | undefined;
  readonly now: (() => number) | undefined;
}

const KNOWN: readonly (keyof GateOptions)[] = [
  "policy",
  "store",
  "dispatch",
  "dispatchers",
  "enforcers",
  "isWithoutEffect",
  "permitKey",
  "activate",
  "failMode",
  "spool",
  "refusals",
  "deadlineMs",
  "maxRuntimeSec",
  "streamIdleSec",
  "maxJobBytes",
  "detectors",
  "fingerprintKey",
  "quarantined",
  "reconcile",
  "deriveTags",
  "declaredTags",
  "approvalBinding",
  "queue",
  "onEvent",
  "signer",
  "keyFile",
  "origin",
  "formerKeys",
  "checkpoints",
  "telemetry",
  "now",
];

/** Copies and checks the options, or throws a `TypeError` that says what to change. */
export function readOptions(options: GateOptions): Settings {
  if (typeof options !== "object" || options === null) throw new TypeError("createGate takes an object of options");
  refuseUnknown(options, KNOWN, "createGate");
  const { policy, activate = "always" } = options;
  oneOf("activate", activate, ["always", "never"]);
  if (policy === undefined && activate === "always") throw new TypeError("createGate needs a `policy`");
  const failMode = options.failMode ?? "closed";
  oneOf("failMode", failMode, ["closed", "open"]);
  const declaredTags = options.declaredTags ?? "trusted";
  oneOf("declaredTags", declaredTags, ["trusted", "restrict_only"]);
  const approvalBinding = options.approvalBinding ?? "snapshot";
  oneOf("approvalBinding", approvalBinding, ["snapshot", "decision"]);
  const quarantined = options.quarantined ?? "keep";
  oneOf("quarantined", quarantined, ["keep", "discard"]);
  optionalFunction("onEvent", options.onEvent);
  const { dispatch } = options;
  if (typeof dispatch !== "object" || dispatch === null) optionalFunction("dispatch", dispatch);
  optionalFunction("isWithoutEffect", options.isWithoutEffect);
  optionalFunction("reconcile", options.reconcile);
  optionalFunction("deriveTags", options.deriveTags);
  optionalFunction("now", options.now);
  return Object.freeze({
    policy,
    store: options.store ?? "./dispatch-gate.db",
    dispatch: options.dispatch,
    dispatchers: new Map(Object.entries(options.dispatchers ?? {})),
    enforcers: listOf("enforcers", options.enforcers),
    isWithoutEffect: options.isWithoutEffect,
    permitKey: options.permitKey,
    activate,
    failMode,
    refusals: readRefusals(options.refusals),
    spool: readSpoolOptions(options.spool, failMode),
    deadlineMs: numberIn("deadlineMs", options.deadlineMs ?? 2_000, 1, 600_000),
    maxRuntimeSec: numberIn("maxRuntimeSec", options.maxRuntimeSec ?? 900, Number.MIN_VALUE, 31_536_000),
    streamIdleSec: numberIn("streamIdleSec", options.streamIdleSec ?? 60, Number.MIN_VALUE, 86_400),
    maxJobBytes: numberIn("maxJobBytes", options.maxJobBytes ?? DEFAULT_MAX_JOB_BYTES, 1_024, 16_777_216),
    detectors: readDetectors(listOf("detectors", options.detectors)),
    fingerprintKey: readFingerprintKey(options.fingerprintKey),
    quarantined,
    reconcile: options.reconcile,
    deriveTags: options.deriveTags,
    declaredTags,
    approvalBinding,
    queue: readQueue(options.queue),
    onEvent: options.onEvent,
    signer: options.signer === undefined ? undefined : checkSigner(options.signer),
    keyFile: optionalText("keyFile", options.keyFile) ?? undefined,
    origin: optionalText("origin", options.origin) ?? undefined,
    formerKeys: listOf("formerKeys", options.formerKeys).map(readKey),
    checkpoints: readRhythm(options.checkpoints),
    telemetry: readTelemetry(options.telemetry),
    now: options.now,
  });
}

function readKey(text: unknown): NoteKey {
  const key = typeof text === "string" ? parseKey(text) : null;
  if (key === null) throw new TypeError("`formerKeys` must hold verifier keys: `name+id+key`");
  return key;
}

function readRhythm(rhythm: Partial<CheckpointRhythm> = {}): CheckpointRhythm {
  if (typeof rhythm !== "object" || rhythm === null) throw new TypeError("`checkpoints` must be an object");
  refuseUnknown(rhythm, ["everyEvents", "everySec"], "checkpoints");
  const { everyEvents = 1_000, everySec = 1 } = rhythm;
  countIn("checkpoints.everyEvents", everyEvents);
  numberIn("checkpoints.everySec", everySec, Number.MIN_VALUE, 86_400);
  return Object.freeze({ everyEvents, everySec });
}

function readRefusals(refusals: Partial<RefusalSettings> = {}): RefusalSettings {
  if (typeof refusals !== "object" || refusals === null) throw new TypeError("`refusals` must be an object");
  refuseUnknown(refusals, ["perMinute", "minFreeBytes"], "refusals");
  const { perMinute = 10, minFreeBytes = 67_108_864 } = refusals;
  countIn("refusals.perMinute", perMinute);
  numberIn("refusals.minFreeBytes", minFreeBytes, 0, Number.MAX_SAFE_INTEGER);
  return Object.freeze({ perMinute, minFreeBytes });
}

function readSpoolOptions(spool: Partial<SpoolSettings> | undefined, failMode: "closed" | "open"): Settings["spool"] {
  if (spool === undefined) return Object.freeze({ path: undefined, maxBytes: 4_194_304 });
  if (failMode === "closed") throw new TypeError('`spool` needs `failMode: "open"`');
  if (typeof spool !== "object" || spool === null) throw new TypeError("`spool` must be an object");
  refuseUnknown(spool, ["path", "maxBytes"], "spool");
  const path = optionalText("spool.path", spool.path) ?? undefined;
  const maxBytes = numberIn("spool.maxBytes", spool.maxBytes ?? 4_194_304, 65_536, 1_073_741_824);
  return Object.freeze({ path, maxBytes: Math.floor(maxBytes) });
}

function readTelemetry(telemetry: Telemetry | undefined): Telemetry | undefined {
  if (telemetry === undefined || typeof (telemetry as Telemetry | null)?.begin === "function") return telemetry;
  throw new TypeError("`telemetry` must be an object with a function `begin`: for example `await openTelemetry()`");
}

function listOf<Item>(name: string, list: readonly Item[] | undefined): readonly Item[] {
  if (list === undefined) return [];
  if (Array.isArray(list)) return [...list];
  throw new TypeError(`\`${name}\` must be a list`);
}

/** Shorter keys could be tried. */
const LEAST_KEY_BYTES = 32;

function readFingerprintKey(key: Uint8Array | undefined): string | undefined {
  if (key === undefined) return undefined;
  if (types.isUint8Array(key) && key.byteLength >= LEAST_KEY_BYTES) return Buffer.from(key).toString("hex");
  throw new TypeError(`\`fingerprintKey\` must be a Uint8Array of at least ${LEAST_KEY_BYTES} bytes`);
}

function readQueue(queue: Partial<QueueLimits> | undefined): Partial<QueueLimits> {
  if (queue === undefined) return {};
  if (typeof queue !== "object" || queue === null) throw new TypeError("`queue` must be an object");
  refuseUnknown(queue, ["maxPending", "maxPendingPerActor", "maxRequestsPerActor"], "queue");
  const { maxPending, maxPendingPerActor, maxRequestsPerActor } = queue;
  for (const [name, value] of Object.entries({ maxPending, maxPendingPerActor })) {
    if (value !== undefined) countIn(`queue.${name}`, value);
  }
  if (maxRequestsPerActor === undefined) return Object.freeze({ ...queue });
  const { limit, windowSec } = maxRequestsPerActor;
  countIn("queue.maxRequestsPerActor.limit", limit);
  numberIn("queue.maxRequestsPerActor.windowSec", windowSec, Number.MIN_VALUE, 31_536_000);
  return Object.freeze({ ...queue, maxRequestsPerActor: Object.freeze({ limit, windowSec }) });
}

function countIn(name: string, value: unknown): void {
  if (Number.isInteger(value) && (value as number) >= 1 && (value as number) <= 1_000_000) return;
  throw new TypeError(`\`${name}\` must be an integer from 1 to 1000000`);
}

function oneOf(name: string, value: unknown, words: readonly string[]): void {
  if (typeof value === "string" && words.includes(value)) return;
  throw new TypeError(`\`${name}\` must be one of ${words.map((word) => `"${word}"`).join(", ")}`);
}

function optionalFunction(name: string, value: unknown): void {
  if (value !== undefined && typeof value !== "function") throw new TypeError(`\`${name}\` must be a function`);
}

function numberIn(name: string, value: unknown, min: number, max: number): number {
  if (typeof value === "number" && value >= min && value <= max) return value;
  throw new TypeError(`\`${name}\` must be a number from ${min === Number.MIN_VALUE ? "over 0" : min} to ${max}`);
}

/** Null for a text that is absent. Throws a `TypeError` for what is none. */
export function optionalText(name: string, value: unknown): string | null {
  if (value === undefined) return null;
  if (typeof value === "string") return value;
  throw new TypeError(`\`${name}\` must be a string`);
}

/** Throws a `TypeError` for what can abort nothing. */
export function checkSignal(signal: unknown): void {
  if (signal !== undefined && !(signal instanceof AbortSignal)) throw new TypeError("`signal` must be an AbortSignal");
}

/** Checks a page size: 1 to 1,000, by default 100. */
export function pageLimit(limit: number | undefined): number {
  if (limit === undefined) return 100;
  if (Number.isInteger(limit) && limit >= 1 && limit <= 1_000) return limit;
  throw new TypeError("`limit` must be an integer from 1 to 1000");
}
