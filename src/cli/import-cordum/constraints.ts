import type { Json } from "../../outcome.js";
import type { ConstraintsDocument, RemediationDocument } from "../../policy/document.js";
import { isMap, type Loose } from "../../policy/report.js";
import { type Path, quoted } from "../../policy/source.js";
import type { Notes } from "./notes.js";
import { at, isUnset, noteStray, stringMapAt, stringsAt } from "./shape.js";

/** Null: there is a limit that cannot be kept here, so the job must not run at all. */
export type ConvertedConstraints = ConstraintsDocument | null;

const KEYS: ReadonlySet<string> = new Set(["budgets", "sandbox", "toolchain", "diff", "redaction_level"]);
const BUDGETS: ReadonlySet<string> = new Set([
  "max_runtime_ms",
  "max_retries",
  "max_artifact_bytes",
  "max_concurrent_jobs",
]);
const SANDBOX: ReadonlySet<string> = new Set(["isolated", "network_allowlist", "fs_read_only", "fs_read_write"]);

/** Rewrites `constraints`. A limit of nothing is no limit in Cordum. */
export function convertConstraints(given: Json | undefined, path: Path, notes: Notes): ConvertedConstraints {
  if (given === undefined || isUnset(given)) return {};
  const refuse = (at: Path, message: string, help?: string): null => {
    notes.add("refused", at, `${message}: the rule denies instead`, help);
    return null;
  };
  if (!isMap(given)) return refuse(path, "`constraints` is not a map");
  if (noteStray(given, KEYS, path, notes).length > 0) return refuse(path, "not all of `constraints` can be read");
  for (const key of ["toolchain", "diff", "redaction_level"]) {
    if (!isUnset(at(given, key)))
      return refuse(
        [...path, key],
        `\`${key}\` has no place among our constraints`,
        "check it in the dispatch function",
      );
  }
  const budgets = convertBudgets(at(given, "budgets"), [...path, "budgets"], notes, refuse);
  const sandbox = convertSandbox(at(given, "sandbox"), [...path, "sandbox"], notes, refuse);
  return budgets === null || sandbox === null ? null : { ...budgets, ...sandbox };
}

type Refuse = (at: Path, message: string, help?: string) => null;

function convertBudgets(given: Json | undefined, path: Path, notes: Notes, refuse: Refuse): ConvertedConstraints {
  if (given === undefined) return {};
  if (!isMap(given)) return refuse(path, "`budgets` is not a map");
  if (noteStray(given, BUDGETS, path, notes).length > 0) return refuse(path, "not all of `budgets` can be read");
  const limits: Record<string, number> = {};
  for (const key of BUDGETS) {
    const value = at(given, key);
    if (value === undefined) continue;
    if (typeof value !== "number" || !Number.isInteger(value) || value < 0)
      return refuse([...path, key], `\`${key}\` is not a whole number`);
    if (value === 0) notes.add("dropped", [...path, key], `\`${key}: 0\` is no limit there, and none is written here`);
    else limits[key] = value;
  }
  const {
    max_runtime_ms: runtime,
    max_retries: retries,
    max_artifact_bytes: bytes,
    max_concurrent_jobs: jobs,
  } = limits;
  if (bytes !== undefined)
    notes.add(
      "changed",
      [...path, "max_artifact_bytes"],
      "`max_artifact_bytes` bounds what the dispatch function returns",
    );
  return {
    ...(runtime === undefined ? {} : { max_runtime_sec: Math.min(runtime / 1_000, 31_536_000) }),
    ...(retries === undefined ? {} : { max_retries: Math.min(retries, 1_000) }),
    ...(bytes === undefined ? {} : { max_output_bytes: bytes }),
    ...(jobs === undefined ? {} : { max_concurrent: Math.min(jobs, 1_000_000) }),
  };
}

/** What our policies take for a path and for a host. */
const PATH = /^(?!.*[/\\]\.{1,2}([/\\]|$))(\/|[A-Za-z]:[/\\])[^\p{Cc}*?]{0,4093}$/u;
const HOST = /^(\*\.)?[A-Za-z0-9_[:][A-Za-z0-9_.:[\]-]{0,252}(\/[0-9]{1,3})?(:[0-9]{1,5})?$/;

function convertSandbox(given: Json | undefined, path: Path, notes: Notes, refuse: Refuse): ConvertedConstraints {
  if (given === undefined || isUnset(given)) return {};
  if (!isMap(given)) return refuse(path, "`sandbox` is not a map");
  if (noteStray(given, SANDBOX, path, notes).length > 0) return refuse(path, "not all of `sandbox` can be read");
  if (at(given, "isolated") !== undefined && at(given, "isolated") !== false)
    return refuse(
      [...path, "isolated"],
      "`isolated` has no place among our constraints",
      "run the job in a sandbox of its own and remove the key",
    );
  const lists = new Map<string, readonly string[]>();
  for (const [key, legal] of [
    ["network_allowlist", HOST],
    ["fs_read_only", PATH],
    ["fs_read_write", PATH],
  ] as const) {
    const list = stringsAt(given, key);
    if (list === null) return refuse([...path, key], `\`${key}\` is not a list of strings`);
    const stray = list.find((item) => !legal.test(item));
    if (stray !== undefined) return refuse([...path, key], `${quoted(stray)} in \`${key}\` cannot be kept to here`);
    lists.set(key, list);
  }
  const hosts = lists.get("network_allowlist") ?? [];
  const read = lists.get("fs_read_only") ?? [];
  const write = lists.get("fs_read_write") ?? [];
  const files = read.length > 0 || write.length > 0;
  notes.add(
    "changed",
    path,
    "`sandbox` binds only where the dispatcher has an enforcer for it, and is refused elsewhere",
  );
  return {
    // One list says what may be touched at all: the other is then nothing.
    ...(files ? { paths: { read: [...new Set([...read, ...write])], write: [...write] } } : {}),
    ...(hosts.length > 0 ? { network: { allow: hosts } } : {}),
  };
}

const REMEDIATION: ReadonlySet<string> = new Set([
  ..."id title summary replacement_topic replacement_capability add_labels remove_labels".split(" "),
]);

/** Rewrites `remediations`: advice, which permits nothing. What ours cannot hold is left out. */
export function convertRemediations(given: Json | undefined, path: Path, notes: Notes): readonly RemediationDocument[] {
  if (given === undefined || isUnset(given)) return [];
  if (!Array.isArray(given)) {
    notes.add("dropped", path, "`remediations` is not a list");
    return [];
  }
  const list = given as readonly Json[];
  if (list.length > 16) notes.add("dropped", path, "only the first 16 `remediations` are kept");
  return list.slice(0, 16).flatMap((one, index) => {
    if (isMap(one)) return [convertRemediation(one, [...path, index], notes)];
    notes.add("dropped", [...path, index], "a remediation is not a map");
    return [];
  });
}

const LINE = /^[^\p{Cc}\u2028\u2029]+$/u;
const TOPIC = /^(?=.{1,256}$)[A-Za-z0-9_:@%~+-]+(\.[A-Za-z0-9_:@%~+-]+)*$/;

function convertRemediation(given: Loose, path: Path, notes: Notes): RemediationDocument {
  noteStray(given, REMEDIATION, path, notes);
  const drop = (key: string, why: string): undefined => {
    notes.add("dropped", [...path, key], `\`${key}\` ${why}`);
    return undefined;
  };
  const line = (key: string, most: number): string | undefined => {
    const value = at(given, key);
    if (isUnset(value)) return undefined;
    if (typeof value === "string" && LINE.test(value) && value.length <= most) return value;
    return drop(key, "is not one line of text that fits");
  };
  if (!isUnset(at(given, "replacement_capability"))) drop("replacement_capability", "has no place in our remediations");
  const id = line("id", 200);
  const summary = line("summary", 1_000);
  const title = line("title", 200) ?? summary?.slice(0, 200) ?? id ?? "another way";
  const topic = at(given, "replacement_topic");
  const replacement = isUnset(topic)
    ? undefined
    : typeof topic === "string" && TOPIC.test(topic)
      ? topic
      : drop("replacement_topic", "is no legal topic");
  const added = stringMapAt(given, "add_labels") ?? drop("add_labels", "is not a map of strings") ?? [];
  const legal = added.filter(([name, value]) => name !== "" && name.length <= 256 && value.length <= 256).slice(0, 64);
  if (legal.length < added.length) drop("add_labels", "holds labels that no job can carry");
  const removed = (stringsAt(given, "remove_labels") ?? drop("remove_labels", "is not a list of strings") ?? [])
    .filter((name) => name !== "" && name.length <= 256)
    .slice(0, 64);
  return {
    title,
    ...(summary === undefined ? {} : { summary }),
    ...(replacement === undefined ? {} : { replacement_topic: replacement }),
    ...(legal.length === 0 ? {} : { add_labels: Object.fromEntries(legal) }),
    ...(removed.length === 0 ? {} : { remove_labels: removed }),
  };
}
