import { beginningsInAnyCase, beginningsOf } from "../clues.js";
import { charset, eachMatch, type Finder, matchesAt, placesOf, type Report } from "../hit.js";
import { aroundNumbers } from "./numbers.js";

/** ITU-T E.164: country codes, by their first digits. */
const COUNTRY =
  /^(?:1|7|2(?:0|7|[1-689]\d)|3(?:[0-469]|[578]\d)|4(?:[013-9]|2\d)|5(?:[1-8]|[09]\d)|6(?:[0-6]|[7-9]\d)|8(?:[1246]|[0578]\d)|9(?:[0-58]|[679]\d))/;

/** A plus, or the prefix that dials one, with groups of digits that a space, dot, dash, slash or bracket parts. */
const INTERNATIONAL =
  /(?<![A-Za-z0-9._+/-]|[0-9][ \u00a0])(?:\+|00(?=[1-9]))(?:[ ]?\(?0?\)?[ .\u00a0/-]?)??[1-9](?:[ .()\u00a0/-]{0,3}[0-9]){6,14}(?![A-Za-z0-9_]|[.,:-][0-9])/y;

/** Of North America, with or without its country code: area codes and exchanges begin with 2 to 9. */
const NORTH_AMERICAN =
  /(?<![A-Za-z0-9._+/-])(?:1[ .-])?(?:\([2-9][0-9]{2}\)[ ]?|[2-9][0-9]{2}[.-])[2-9][0-9]{2}[ .-][0-9]{4}(?![A-Za-z0-9_]|[.-][0-9])/g;

const OF_NORTH_AMERICA = { of: charset("0-9 .()-"), digits: 10, before: 2 };

/** How all of them end: where none does, none is looked for. */
const LOCAL = /[2-9][0-9]{2}[ .-][0-9]{4}(?![A-Za-z0-9_])/;

/** Where a name says that a telephone number follows, one without a country code counts too. */
const NAMED =
  /(?:phone|telephone|\btel|mobile|cell|\bfax|whatsapp)(?:[ _-]?(?:number|no|nr))?\\{0,3}["'`]?[\s:=.]{1,4}\\{0,3}["'`]?(?<number>\+?[0-9(](?:[ .()\u00a0/-]{0,2}[0-9]){6,14})(?![A-Za-z0-9_]|[.,:-][0-9])/iy;

/** Telephone numbers: international ones, those of North America, and any that a name announces. */
export const PHONES: Finder = {
  kinds: ["phone"],
  clues: [...beginningsOf("00[1-9]"), ...beginningsInAnyCase(["pho", "tel", "mob", "cel", "fax", "wha"])],
  find: (text, report, places) => {
    for (const found of matchesAt(INTERNATIONAL, text, placesOf("+", text))) findInternational(found, report);
    for (const found of matchesAt(INTERNATIONAL, text, places)) findInternational(found, report);
    aroundNumbers(text, OF_NORTH_AMERICA, (part, from) => {
      if (!LOCAL.test(part)) return;
      eachMatch(NORTH_AMERICAN, part, ({ 0: number, index }) => {
        report({ kind: "phone", start: from + index, end: from + index + number.length });
      });
    });
    for (const found of matchesAt(NAMED, text, places)) {
      const number = found.groups?.number ?? "";
      const end = NAMED.lastIndex;
      if (number.replaceAll(/[^0-9]/g, "").length >= 7) report({ kind: "phone", start: end - number.length, end });
    }
  },
  breaks: "always",
  guessable: true,
};

function findInternational({ 0: number, index: start }: RegExpExecArray, report: Report): void {
  const digits = number.replaceAll(/[^0-9]/g, "").replace(/^00?/, "");
  // Of the zone of North America and of Russia all numbers are as long; later groups never begin as another number does.
  if (/^[17]/.test(digits) && digits.length !== 11) return;
  if (/^\+20[0-9]{2}-[01][0-9]-[0-3][0-9]$/.test(number) || /^00.*[ \u00a0]00/.test(number)) return;
  if (digits.length >= 8 && digits.length <= 15 && COUNTRY.test(digits)) {
    report({ kind: "phone", start, end: start + number.length });
  }
}
