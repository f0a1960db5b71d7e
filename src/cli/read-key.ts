import { type NoteKey, parseKey } from "../evidence/note.js";
import { quoted } from "../policy/source.js";
import type { Arguments } from "./arguments.js";
import { CannotRun, type Io } from "./io.js";
import { readText } from "./read-text.js";

/** The key of `--key`; null where none was given. A text that is no key is the path of a file that holds one. @throws CannotRun */
export async function readKey(io: Io, given: Arguments): Promise<NoteKey | null> {
  const text = given.text("key");
  if (text === undefined) return null;
  const key = parseKey(text) ?? parseKey((await readText(io, text)).replace(/\r?\n$/, ""));
  if (key !== null) return key;
  throw new CannotRun("key_invalid", `${quoted(text)} holds no key of a log`, "give the `key` of the gate's `audit`");
}
