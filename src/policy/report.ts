import type { PolicyIssue } from "../errors.js";
import type { Json } from "../outcome.js";
import { type Locate, type Path, pointer } from "./source.js";

/** A map of a document that nobody has checked yet. */
export type Loose = { readonly [key: string]: Json };

/** Takes one problem with its place. */
export type Report = (code: string, message: string, path: Path, at?: "key" | "value", help?: string) => void;

/** Adds what is reported to a list of issues, each with its place in the text. */
export function reportTo(issues: PolicyIssue[], locate: Locate): Report {
  return (code, message, path, at = "value", help) => {
    issues.push({ code, message, ...(help === undefined ? {} : { help }), path: pointer(path), ...locate(path, at) });
  };
}

export function isMap(value: Json | undefined): value is Loose {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

export function itemsOf(value: Json | undefined): readonly Json[] {
  return Array.isArray(value) ? value : [];
}
