import { NEVER_SEEN } from "../evidence/display.js";
import type { Json } from "../outcome.js";

/** Where text goes. */
export interface Sink {
  write(text: string): unknown;
  readonly isTTY?: boolean | undefined;
}

/** All that a command may touch besides the files it is told of. */
export interface Io {
  /** What paths are relative to. */
  readonly cwd: string;
  readonly stdout: Sink;
  readonly stderr: Sink;
  readonly stdin: AsyncIterable<Uint8Array | string>;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Resolves once somebody asks a command to end that would go on by itself. From the call on, asking does not end the process. */
  readonly interrupted: () => Promise<void>;
}

/** The answers a shell sees. */
export const EXIT = {
  /** Nothing to say against it. */
  fine: 0,
  /** It ran, and found something. */
  findings: 1,
  /** It could not run: nothing was found out. */
  cannot: 2,
} as const;

/** Why a command cannot run. Never a finding. */
export class CannotRun extends Error {
  readonly code: string;
  readonly help: string | undefined;

  constructor(code: string, message: string, help?: string) {
    super(message);
    this.name = "CannotRun";
    this.code = code;
    this.help = help;
  }
}

/** The one document that `--json` prints. */
export function printJson(io: Io, document: Json): void {
  io.stdout.write(`${JSON.stringify(document, null, 2).replace(INVISIBLE, asJsonEscape)}\n`);
}

/** A string as a JSON and YAML literal in which every character is plainly visible. */
export function literal(text: string): string {
  return JSON.stringify(text).replace(INVISIBLE, asJsonEscape);
}

/**
 * What `displaySafe` writes out too, but for the line breaks that stand between the parts of the document; and the sign
 * that begins `##[...]`, which some runners of builds take for a command anywhere in a line.
 */
const INVISIBLE = new RegExp(`(?!\\n)[${NEVER_SEEN}]|(?! )\\p{Zs}|#(?=#[A-Za-z]*\\[)`, "gu");

function asJsonEscape(character: string): string {
  return [...Array(character.length).keys()]
    .map((at) => `\\u${character.charCodeAt(at).toString(16).padStart(4, "0")}`)
    .join("");
}
