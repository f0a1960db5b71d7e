import { stat } from "node:fs/promises";
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import type { GateOptions } from "../../gate/options.js";
import { didYouMean } from "../../nearest.js";
import { quoted } from "../../policy/source.js";
import { CannotRun, type Io } from "../io.js";
import { unreadable } from "../read-text.js";

/** What a module may bring for the gate besides the function itself. */
const BESIDES = ["deriveTags", "reconcile", "enforcers", "isWithoutEffect"] as const;

/** The options of a gate that a module brings. */
export type FromModule = Pick<GateOptions, "dispatch" | (typeof BESIDES)[number]>;

/** Loads the module that acts: its default export is the function. @throws CannotRun where it is none. */
export async function loadDispatch(io: Io, path: string): Promise<FromModule> {
  const file = resolve(io.cwd, path);
  await stat(file).catch((error: unknown) => {
    throw unreadable(error, path);
  });
  const { default: dispatch, ...besides } = (await import(pathToFileURL(file).href).catch((error: unknown) => {
    const message = error instanceof Error ? error.message : String(error);
    throw new CannotRun("dispatch_unloadable", `${quoted(path)} cannot be loaded: ${message}`);
  })) as Readonly<Record<string, unknown>>;
  // What a module of CommonJS exports comes by its own name too.
  const names = Object.keys(besides).filter((name) => name !== "module.exports" && name !== "__esModule");
  const stray = names.find((name) => !BESIDES.some((known) => known === name));
  if (stray !== undefined) {
    const help = didYouMean(stray, BESIDES, `known: default, ${BESIDES.join(", ")}`);
    throw new CannotRun("dispatch_invalid", `${quoted(path)} exports ${quoted(stray)}, which nothing asks for`, help);
  }
  if (typeof dispatch !== "function" && (typeof dispatch !== "object" || dispatch === null)) {
    const help = "write `export default async (job, context) => { … }`";
    throw new CannotRun("dispatch_invalid", `${quoted(path)} has no function as its default export`, help);
  }
  return { ...besides, dispatch } as FromModule;
}
