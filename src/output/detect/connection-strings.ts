import { charset, type Finder, type Report, runStart } from "../hit.js";
import { isPlaceholder } from "./placeholder.js";

const SCHEME = charset("A-Za-z0-9+.-");

/** RFC 3986 puts no bound; a scheme, and a user with a password, are no longer than this in practice. */
const MAX_SCHEME = 32;
const MAX_USERINFO = 512;

/** What ends an authority, and what no part of a URL holds. */
const STOP = /[\s/?#"'<>\\`\0]/;

/** URLs that carry a password (`postgres://user:password@host`): the password alone is found. */
export const CONNECTION_STRINGS: Finder = {
  kinds: ["connection_string"],
  clues: ["://"],
  find,
  breaks: "always",
  guessable: true,
};

function find(text: string, report: Report, places: readonly number[]): void {
  for (const at of places) {
    if (!text.startsWith("://", at) || runStart(text, at, SCHEME, MAX_SCHEME) === at) continue;
    const from = at + 3;
    const authority = text.slice(from, from + MAX_USERINFO);
    const stop = authority.search(STOP);
    // The last `@`: one in a password that was not encoded is part of it.
    const end = (stop === -1 ? authority : authority.slice(0, stop)).lastIndexOf("@");
    const colon = end === -1 ? -1 : authority.slice(0, end).indexOf(":");
    if (colon === -1 || colon + 1 === end || isPlaceholder(authority.slice(colon + 1, end))) continue;
    report({ kind: "connection_string", start: from + colon + 1, end: from + end });
  }
}
