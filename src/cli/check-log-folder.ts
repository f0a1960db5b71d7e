import { checkRoot, checkSigned, createLinesCheck, type LinesCheck } from "../evidence/check-log.js";
import type { Checkpoint } from "../evidence/checkpoint.js";
import { MAX_EVENT_BYTES } from "../evidence/event.js";
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

/** Checks a whole log: the tree over all its lines, and every checkpoint. */
export async function checkLogFolder(
  { folder, key: given, faults }: FolderCheck,
  progress: Progress,
): Promise<Checked> {
  await checkNames(folder, new Set(["events.jsonl", "checkpoint", "key", "checkpoints"]), faults);
  const { key, checkpoint } = await readHead({ folder, key: given, faults });
  const sizes = await numbersIn(folder, "checkpoints", "", faults);
  const lines = createLinesCheck("events.jsonl", faults);
  let next = 0;
  const meet = async (): Promise<void> => {
    while (sizes[next] === lines.count()) {
      await checkEarlier({ folder, key, faults }, lines, checkpoint);
      next += 1;
    }
  };
  // An empty tree was never signed on the way: a checkpoint of it is one like any other.
  await meet();
  const read = await folder.lines("events.jsonl", MAX_EVENT_BYTES, async (line) => {
    lines.take(line);
    if (checkpoint !== null) progress.at(lines.count(), checkpoint.size);
    await meet();
  });
  if (read?.isUnfinished) faults.add("line_unfinished", `events.jsonl:${lines.count() + 1}`, UNFINISHED);
  const counts = { ...NOTHING, events: lines.count(), checkpoints: next };
  if (read === null) return result("log", key, checkpoint, counts);
  for (const size of sizes.slice(next)) {
    faults.add("checkpoint_misplaced", `checkpoints/${size}`, "the checkpoint covers more events than there are");
  }
  if (checkpoint !== null) {
    if (checkpoint.size === lines.count()) checkRoot(lines, checkpoint, "checkpoint", faults);
    else
      faults.add("size_differs", "checkpoint", `${checkpoint.size} events were signed, and ${lines.count()} are here`);
  }
  return result("log", key, checkpoint, counts);
}

async function checkEarlier(
  { folder, key, faults }: FolderCheck,
  lines: LinesCheck,
  latest: Checkpoint | null,
): Promise<void> {
  const name = `checkpoints/${lines.count()}`;
  const note = await folder.text(name);
  if (note === null) return;
  const earlier = checkSigned(note, key, name, faults);
  if (earlier === null) return;
  if (earlier.size !== lines.count() || (latest !== null && earlier.size >= latest.size)) {
    faults.add("checkpoint_misplaced", name, `the checkpoint is of ${earlier.size} events`);
    return;
  }
  checkRoot(lines, earlier, name, faults);
}
