import { charset, type DetectorSet, type Hit, runEnd, runStart } from "./hit.js";

const LATIN = "\\u00c0-\\u024f";
const LOCAL_PART = charset(`A-Za-z0-9.!#$%&'*+_~${LATIN}-`);
const DOMAIN = charset(`A-Za-z0-9.${LATIN}-`);
/** A dot between a label and a top-level name, which begins with a letter: `pkg@1.2.3` is no address. */
const DOTTED = new RegExp(`[A-Za-z0-9${LATIN}]\\.[A-Za-z${LATIN}][A-Za-z0-9${LATIN}-]`);

/** Personal data. For now e-mail addresses of Latin letters. */
export const PII: DetectorSet = { clues: [/@/], names: null, bytewise: true, find: findAddresses };

/** Neither side of an address holds an `@`, so each character is walked at most twice. */
function findAddresses(text: string, report: (hit: Hit) => void): void {
  for (let at = text.indexOf("@"); at !== -1; at = text.indexOf("@", at + 1)) {
    const start = runStart(text, at, LOCAL_PART);
    let end = runEnd(text, at + 1, DOMAIN);
    while (text[end - 1] === "." || text[end - 1] === "-") end -= 1;
    if (start < at && DOTTED.test(text.slice(at + 1, end))) report({ kind: "email", start, end });
  }
}
