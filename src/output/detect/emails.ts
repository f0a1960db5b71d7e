import { charset, type Finder, type Report, runEnd, runStart } from "../hit.js";

const LATIN = "\\u00c0-\\u024f";
const LOCAL_PART = charset(`A-Za-z0-9.!#$%&'*+_~${LATIN}-`);
const DOMAIN = charset(`A-Za-z0-9.${LATIN}-`);
/** A dot between a label and a top-level name, which begins with two letters: `pkg@1.2.3` is no address. */
const DOTTED = new RegExp(`[A-Za-z0-9${LATIN}]\\.[A-Za-z${LATIN}]{2}[A-Za-z0-9${LATIN}-]*$`);

/** RFC 5321: octets of a local part and of a domain. */
const MAX_LOCAL = 64;
const MAX_DOMAIN = 255;

/** E-mail addresses of Latin letters. */
export const EMAILS: Finder = { kinds: ["email"], find, breaks: "always", guessable: true };

/** Files and units, which no domain ends in. */
const FILE =
  /\.(?:png|jpe?g|gif|svg|webp|avif|ico|css|scss|[cm]?js|jsx|tsx?|json|html|service|socket|timer|mount|slice|device)$/i;

/** True for what is written alike: a file, a unit, a call, the user of a repository's address. */
function isOther(text: string, start: number, end: number): boolean {
  if (text[end] === "(" || FILE.test(text.slice(Math.max(start, end - 10), end))) return true;
  return text.startsWith("git@", start) && (text[end] === ":" || text[end] === "/");
}

function find(text: string, report: Report): void {
  for (let at = text.indexOf("@"); at !== -1; at = text.indexOf("@", at + 1)) {
    let start = runStart(text, at, LOCAL_PART, MAX_LOCAL);
    // Marks that only open something in prose or code.
    while (start < at && ".'&#".includes(text.charAt(start))) start += 1;
    let end = runEnd(text, at + 1, DOMAIN, MAX_DOMAIN);
    while (text[end - 1] === "." || text[end - 1] === "-") end -= 1;
    if (start < at && !isOther(text, start, end) && DOTTED.test(text.slice(at + 1, end)))
      report({ kind: "email", start, end });
  }
}
