import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

/** How the drill was called. */
export interface Arguments {
  readonly help: boolean;
  /** A person decides the approval. */
  readonly interactive: boolean;
  /** The folder stays, to be looked at. */
  readonly keep: boolean;
  /** The results alone, for programs. */
  readonly json: boolean;
  readonly policy: string;
}

/** What `--help` prints. */
export const USAGE = `usage: npm run drill -- [--interactive] [--keep] [--policy FILE] [--json]

  --interactive  ask in this terminal to approve or to reject
  --keep         leave the folder with all files, and say where it is
  --policy FILE  run under another policy; the drill reports what is then different
  --json         print the results as JSON, and nothing else`;

/** Reads the command line. Throws a `TypeError` for what it does not know. */
export function readArguments(args: readonly string[]): Arguments {
  const { values } = parseArgs({
    args: [...args],
    options: {
      help: { type: "boolean", default: false },
      interactive: { type: "boolean", default: false },
      keep: { type: "boolean", default: false },
      json: { type: "boolean", default: false },
      policy: { type: "string", default: fileURLToPath(new URL("./policy.yaml", import.meta.url)) },
    },
  });
  return values;
}
