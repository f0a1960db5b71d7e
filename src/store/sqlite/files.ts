import { type BigIntStats, statSync } from "node:fs";
import { resolve } from "node:path";

/**
 * What became of a database's files since they were last looked at. `"touched"`: the file was written to other than by a commit,
 * or its log was cut. A checkpoint does both, and so does who copies something over them.
 */
export type FilesSeen = "same" | "touched" | "replaced";

/** What SQLite keeps beside a database while it is open. Nobody takes them away or puts others there but who meddles. */
const BESIDE = ["-wal", "-shm"] as const;

/**
 * Looks at the files of a database that is open, from outside: reading them would drop SQLite's locks. Each look tells what
 * happened since the one before.
 */
export function watchFiles(path: string): () => FilesSeen {
  if (path === ":memory:") return () => "same";
  const file = resolve(path);
  const look = (): readonly (BigIntStats | undefined)[] => ["", ...BESIDE].map((end) => stat(`${file}${end}`));
  let before = look();
  return () => {
    const now = look();
    if (now.some((each, index) => !isSame(each, before[index]))) return "replaced";
    const touched = wasWritten(now[0], before[0]) || isShorter(now[1], before[1]);
    before = now;
    return touched ? "touched" : "same";
  };
}

function stat(file: string): BigIntStats | undefined {
  return statSync(file, { bigint: true, throwIfNoEntry: false });
}

function isSame(now: BigIntStats | undefined, before: BigIntStats | undefined): boolean {
  return now?.ino === before?.ino && now?.dev === before?.dev;
}

/** In write-ahead mode commits go to the log beside the file: only what moves them over writes to the file itself. */
function wasWritten(now: BigIntStats | undefined, before: BigIntStats | undefined): boolean {
  return now?.ctimeNs !== before?.ctimeNs || now?.mtimeNs !== before?.mtimeNs || now?.size !== before?.size;
}

function isShorter(now: BigIntStats | undefined, before: BigIntStats | undefined): boolean {
  return (now?.size ?? 0n) < (before?.size ?? 0n);
}
