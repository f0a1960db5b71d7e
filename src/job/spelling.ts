import { snakeCase } from "../snake-case.js";
import { FIELDS } from "./fields.js";

/** The fields of a job on the wire, and what the API calls them: one place for every file and face that spells them so. */
export const JOB_FIELDS: ReadonlyMap<string, string> = new Map([...FIELDS].map((name) => [snakeCase(name), name]));

/** The names inside such fields, where they are ours. */
export const JOB_FIELDS_BELOW: ReadonlyMap<string, ReadonlyMap<string, string>> = new Map([
  ["actor", new Map([["on_behalf_of", "onBehalfOf"]])],
  [
    "constraints",
    new Map(["maxRuntimeSec", "maxRetries", "maxOutputBytes"].map((name) => [snakeCase(name), name] as const)),
  ],
]);
