import { charset, eachMatch, type Finder, type Report } from "../hit.js";
import { aroundNumbers } from "./numbers.js";

/** 14 to 19 digits that one space or dash may part, and no digit, letter or decimal point right beside them. */
const CANDIDATE = /(?<![A-Za-z0-9]|[0-9][.,+-])[2-6][0-9](?:[ -]?[0-9]){12,17}(?![A-Za-z0-9]|[.,-][0-9])/g;

/** ISO/IEC 7812: the beginnings that card networks use, and how many digits their numbers have. */
const NETWORKS =
  /^(?:4(?:\d{15}|\d{18})|5[1-5]\d{14}|2(?:22[1-9]|2[3-9]\d|[3-6]\d\d|7[01]\d|720)\d{12}|3[47]\d{13}|3(?:0[0-5]|[689]\d)\d{11,16}|35(?:2[89]|[3-8]\d)\d{12,15}|6(?:011|4[4-9]\d|5\d\d|2\d\d)\d{12,15}|(?:50|5[6-9]|6[0-9])\d{14})$/;

/** Where a name says that one follows, also the old ones of 13 digits. */
const NAMED =
  /(?:card|\bpan|\bcc)[ _-]?(?:number|num|no|nr)?\\{0,3}["'`]?[\s:=]{1,4}\\{0,3}["'`]?(?<number>4[0-9](?:[ -]?[0-9]){11})(?![A-Za-z0-9]|[.,-][0-9])/gi;

/** Numbers of payment cards, by network and check digit (Luhn). */
export const PAYMENT_CARDS: Finder = {
  kinds: ["payment_card"],
  find: (text, report) => {
    aroundNumbers(text, LEAST, (part, from) => {
      findIn(part, ({ kind, start, end }) => report({ kind, start: from + start, end: from + end }));
    });
  },
  breaks: "always",
  guessable: true,
};

/** The shortest have 13 digits; a name before one, with all that may stand between, is no longer than this. */
const LEAST = { of: charset("0-9 -"), digits: 13, before: 32 };

function findIn(text: string, report: Report): void {
  eachMatch(CANDIDATE, text, ({ 0: number, index: start }) => {
    const digits = digitsOf(number);
    if (NETWORKS.test(digits) && isChecked(digits)) {
      report({ kind: "payment_card", start, end: start + number.length });
    }
  });
  eachMatch(NAMED, text, ({ groups }) => {
    const number = groups?.number ?? "";
    const end = NAMED.lastIndex;
    if (isChecked(digitsOf(number))) report({ kind: "payment_card", start: end - number.length, end });
  });
}

function digitsOf(number: string): string {
  return number.replaceAll(/[ -]/g, "");
}

/** ISO/IEC 7812-1, annex B. */
function isChecked(digits: string): boolean {
  let sum = 0;
  for (let index = 0; index < digits.length; index += 1) {
    const digit = digits.charCodeAt(digits.length - 1 - index) - 48;
    const doubled = index % 2 === 0 ? digit : digit * 2;
    sum += doubled > 9 ? doubled - 9 : doubled;
  }
  return sum % 10 === 0;
}
