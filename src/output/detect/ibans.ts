import type { Finder, Report } from "../hit.js";

/** ISO 13616: characters of an IBAN by country, as registered. */
const LENGTHS: ReadonlyMap<string, number> = new Map(
  (
    "AD24 AE23 AL28 AT20 AZ28 BA20 BE16 BG22 BH22 BI27 BR29 BY28 CH21 CR22 CY28 CZ24 DE22 DJ27 DK18 DO28 EE20 EG29 ES24 " +
    "FI18 FK18 FO18 FR27 GB22 GE22 GI23 GL18 GR27 GT28 HN28 HR21 HU28 IE22 IL23 IQ23 IS26 IT27 JO30 KW30 KZ20 LB28 LC32 " +
    "LI21 LT20 LU20 LV21 LY25 MC27 MD24 ME22 MK19 MN20 MR27 MT31 MU30 NI28 NL18 NO15 OM23 PK24 PL28 PS29 PT25 QA29 RO24 " +
    "RS22 RU33 SA24 SC31 SD18 SE24 SI19 SK24 SM27 SO23 ST25 SV28 TL23 TN24 TR26 UA29 VA22 VG24 XK20 YE30"
  )
    .split(" ")
    .map((entry) => [entry.slice(0, 2), Number(entry.slice(2))] as const),
);

/** A country, two check digits, and groups that one space or dash may part. */
const CANDIDATE =
  /(?<![A-Za-z0-9-])(?:[A-Z]{2}[0-9]{2}(?:[ \u00a0-]?[A-Z0-9]){11,30}|[a-z]{2}[0-9]{2}[a-z0-9]{11,30})/g;

/** International bank account numbers whose country, length and check digits are right (ISO 13616, ISO 7064 mod 97-10). */
export const IBANS: Finder = { kinds: ["iban"], find, breaks: "always", guessable: true };

function find(text: string, report: Report): void {
  CANDIDATE.lastIndex = 0;
  for (let found = CANDIDATE.exec(text); found !== null; found = CANDIDATE.exec(text)) {
    const start = found.index;
    const end = endOf(text, start, CANDIDATE.lastIndex);
    if (end > 0) report({ kind: "iban", start, end });
    CANDIDATE.lastIndex = Math.max(end, start + 2);
  }
}

/** Where the number ends that a candidate begins with; 0 where that is none. */
function endOf(text: string, start: number, last: number): number {
  const length = LENGTHS.get(text.slice(start, start + 2).toUpperCase());
  if (length === undefined) return 0;
  let iban = "";
  for (let at = start; at < last; at += 1) {
    const character = text.charAt(at);
    if (character === " " || character === "-" || character === "\u00a0") continue;
    iban += character;
    if (iban.length < length) continue;
    // Without groups, what goes on is something longer.
    const goesOn = at + 1 - start === length && /[A-Za-z0-9]/.test(text.charAt(at + 1));
    return !goesOn && isChecked(iban) ? at + 1 : 0;
  }
  return 0;
}

function isChecked(iban: string): boolean {
  let rest = 0;
  for (const character of iban.slice(4) + iban.slice(0, 4)) {
    const value = Number.parseInt(character, 36);
    rest = (rest * (value < 10 ? 10 : 100) + value) % 97;
  }
  return rest === 1;
}
