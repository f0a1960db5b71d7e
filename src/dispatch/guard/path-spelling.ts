import { quoted } from "../../policy/source.js";

/** A path as it is written, taken apart and not resolved. */
export interface Spelling {
  /** `/`, or a drive such as `C:\`; null where the path is relative. */
  readonly root: string | null;
  /** Names, `.` and `..`, in order. A separator at the end is a `.`: what stands before it must be a folder. */
  readonly steps: readonly string[];
}

/** A spelling, or why the text is no path that a guard takes. */
export type SpellingReading =
  | { readonly ok: true; readonly spelling: Spelling }
  | { readonly ok: false; readonly message: string; readonly help?: string };

const MAX_CHARACTERS = 4_096;

/**
 * Takes a path apart. Nothing is decoded or resolved: `%2e%2e` is a name like any other. What two readers could take for
 * two different paths is refused; on Windows that is much, and all of it goes here.
 */
export function readSpelling(input: unknown, platform: NodeJS.Platform): SpellingReading {
  if (typeof input !== "string") return refused("a path must be text");
  if (input === "") return refused("a path must not be empty");
  if (input.length > MAX_CHARACTERS) return refused(`a path must have at most ${MAX_CHARACTERS} characters`);
  if (!input.isWellFormed()) return refused("a path must not hold half of a surrogate pair");
  const control = /\p{Cc}/u.exec(input)?.[0].charCodeAt(0);
  if (control !== undefined)
    return refused(`no legal path holds U+${control.toString(16).toUpperCase().padStart(4, "0")}`);
  return platform === "win32" ? readWindows(input) : read(input, input.startsWith("/") ? "/" : null, "/");
}

function read(text: string, root: string | null, separators: string | RegExp): SpellingReading {
  const parts = text.split(separators);
  const steps = parts.filter((part) => part !== "");
  if (steps.length > 0 && parts.at(-1) === "") steps.push(".");
  return { ok: true, spelling: { root, steps } };
}

/** In device names, which Windows finds in every folder and whatever follows a dot. */
const DEVICE = /^(?:con|prn|aux|nul|conin\$|conout\$|(?:com|lpt)[0-9\u00b9\u00b2\u00b3]) *(?:\.|$)/i;

/** Only `C:\...` is absolute: device and network names, the root of an unnamed drive and streams of a file are refused. */
function readWindows(text: string): SpellingReading {
  if (/^[\\/]/.test(text)) {
    return refused(
      `${quoted(text)} does not begin with a drive`,
      "device and network names are refused: write `C:\\...`",
    );
  }
  const drive = /^[A-Za-z](?=:[\\/])/.exec(text)?.[0];
  const reading = read(
    drive === undefined ? text : text.slice(2),
    drive === undefined ? null : `${drive.toUpperCase()}:\\`,
    /[\\/]/,
  );
  if (!reading.ok) return reading;
  for (const step of reading.spelling.steps) {
    if (step === "." || step === "..") continue;
    if (/[:*?"<>|]/.test(step)) return refused(`no name on Windows holds what ${quoted(step)} does`);
    if (/[. ]$/.test(step)) return refused(`${quoted(step)} ends in a dot or a space, which Windows leaves out`);
    if (DEVICE.test(step)) return refused(`${quoted(step)} is a device on Windows`);
  }
  return reading;
}

function refused(message: string, help?: string): SpellingReading {
  return help === undefined ? { ok: false, message } : { ok: false, message, help };
}
