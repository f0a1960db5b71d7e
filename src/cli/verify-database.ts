import { displayLiteral } from "../evidence/display.js";
import { formatKey, type NoteKey } from "../evidence/note.js";
import { readPublicKey } from "../gate/key-file.js";
import type { Json } from "../outcome.js";
import { storeErrorOf } from "../store/sqlite/driver.js";
import { verifyFile } from "../store/sqlite/verify.js";
import type { VerifyAnswer } from "../store/verify/problem.js";
import { CannotRun, EXIT, type Io, printJson } from "./io.js";
import { count, inked, type Line, printLines, shownPath } from "./print.js";
import { createProgress } from "./progress.js";

/** A database that is to be verified. */
export interface DatabaseAsked {
  readonly io: Io;
  readonly path: string;
  readonly shown: string;
  /** The log's public key; null: that of the key file beside it. */
  readonly key: NoteKey | null;
  readonly json: boolean;
}

/** What is said of a key that was found beside what it signed. */
const KEY_BESIDE =
  "checked with the key file beside it, which whoever changed the database could have changed too: give --key";

/** Verifies a gate's database: log, tree, checkpoints, tables and private values. It is left as it is. */
export async function verifyDatabase({ io, path, shown, key: given, json }: DatabaseAsked): Promise<number> {
  const key = given ?? keyBeside(path, shown);
  const progress = createProgress(io, json, "events");
  const answer = await verifyFile(path, { keys: [formatKey(key)], state: true }, progress.at)
    .catch((error: unknown) => {
      const { code, message, help } = storeErrorOf(error, shown);
      throw new CannotRun(code, message, help);
    })
    .finally(progress.end);
  const report = { shown, answer, key, isKeyGiven: given !== null };
  if (json) printJson(io, documentOf(report));
  else printLines(io.stdout, io.env, linesOf(report));
  return answer.problems.length === 0 ? EXIT.fine : EXIT.findings;
}

function keyBeside(path: string, shown: string): NoteKey {
  let key: NoteKey | null;
  try {
    key = readPublicKey(`${path}.key`);
  } catch (error) {
    const { code, message, help } = storeErrorOf(error, shown);
    throw new CannotRun(code, message, help);
  }
  if (key !== null) return key;
  throw new CannotRun("option_missing", "the log's key file is not beside it", "give its public key with `--key`");
}

interface Report {
  readonly shown: string;
  readonly answer: VerifyAnswer;
  readonly key: NoteKey;
  readonly isKeyGiven: boolean;
}

function linesOf({ shown, answer, key, isKeyGiven }: Report): readonly Line[] {
  const { events, root, checkpoints, problems, more } = answer;
  const found = problems.length + more;
  const verdict = found === 0 ? inked("good", "holds") : inked("bad", `does not hold: ${count(found, "finding")}`);
  return [
    [inked("strong", shownPath(shown)), ": a gate's database ", verdict],
    [`  log ${displayLiteral(key.name)}`],
    [`  ${count(events, "event")}, root ${root}, ${count(checkpoints, "checkpoint")}`],
    ...problems.map(({ code, message, seq }): Line => {
      const place = seq === null ? "  " : `  event ${seq}: `;
      return [place, inked("bad", message), ` [${code}]`];
    }),
    ...(more === 0 ? [] : [[`  and ${count(more, "more finding")}`]]),
    ...(isKeyGiven ? [] : [["  ", inked("wait", KEY_BESIDE)]]),
  ];
}

function documentOf({ shown, answer, key, isKeyGiven }: Report): Json {
  const { events, size, root, checkpoints, problems, more, integrity } = answer;
  return {
    command: "verify",
    ok: problems.length === 0,
    path: shown,
    kind: "database",
    key: formatKey(key),
    key_given: isKeyGiven,
    events,
    size,
    root,
    checkpoints,
    integrity,
    findings: problems.map(({ code, message, seq }) => ({ code, message, seq })),
    more,
  };
}
