import type { PolicyIssue } from "../errors.js";
import type { Json } from "../outcome.js";
import { type Locate, type Path, pointer } from "./source.js";

/** A map of a document that nobody has checked yet. */
export type Loose = { readonly [key: string]: Json };

/** Takes one problem with its place. Help that must be looked for comes as a function, and is only looked for when it is listed. */
export type Report = (
  code: string,
  message: string,
  path: Path,
  at?: "key" | "value",
  help?: string | (() => string),
) => void;

/** Problems of one kind that are listed: a file with more is not a policy, and the message would be larger than it. */
export const MAX_LISTED = 1_000;

/** Problems whose help is looked for. */
const MAX_LOOKED_FOR = 20;

/** Adds what is reported to a list of issues, each with its place in the text, as long as there is room. */
export function reportTo(issues: PolicyIssue[], locate: Locate): Report {
  return (code, message, path, at = "value", help) => {
    if (issues.length >= MAX_LISTED) return;
    const told = typeof help !== "function" ? help : issues.length < MAX_LOOKED_FOR ? help() : undefined;
    issues.push({
      code,
      message,
      ...(told === undefined ? {} : { help: told }),
      path: pointer(path),
      ...locate(path, at),
    });
  };
}

export function isMap(value: Json | undefined): value is Loose {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

export function itemsOf(value: Json | undefined): readonly Json[] {
  return Array.isArray(value) ? value : [];
}
