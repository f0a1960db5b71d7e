import { queryProblem } from "./call.js";

/** How many items a page has, where a query says so: 1 to 1,000. */
export function limitAsked(text: string | undefined): { readonly limit?: number } {
  if (text === undefined) return {};
  const limit = /^\d{1,4}$/.test(text) ? Number(text) : 0;
  if (limit >= 1 && limit <= 1_000) return { limit };
  throw queryProblem("`limit` is a whole number from 1 to 1,000");
}

/** Tells a cursor of ours from what was typed: a page that begins nowhere would look like the last one. */
const MARK = "after:";

/** Where the next page begins, in characters that a URL may hold as they are. */
export function cursorTold(next: string | null): string | null {
  return next === null ? null : Buffer.from(`${MARK}${next}`).toString("base64url");
}

/** Where a page is to begin. */
export function cursorAsked(text: string | undefined): { readonly after?: string } {
  if (text === undefined) return {};
  const plain = Buffer.from(text, "base64url").toString();
  if (plain.startsWith(MARK) && plain.length > MARK.length) return { after: plain.slice(MARK.length) };
  throw queryProblem("`after` is `next` of the page before");
}
