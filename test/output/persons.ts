import { DIGIT, type Draw, LOWER, UPPER } from "./draw.js";

/** EXAMPLES ONLY, under names that can never be registered (RFC 2606). */
export function emailAddresses(draw: Draw): readonly string[] {
  const name = (): string => draw.text(6, LOWER);
  return [
    `${name()}.${name()}@harbour.invalid`,
    `${name()}+orders@mail.${name()}.invalid`,
    `${name()}_${draw.text(2, DIGIT)}@${name()}-${name()}.invalid`,
    `${name().toUpperCase()}@Post.${name()}.invalid`,
  ];
}

/**
 * EXAMPLES ONLY, of ranges that the numbering authorities keep for fiction: 555-01xx in North America (NANPA),
 * 020 7946 0xxx in London (Ofcom), (0)30 23125 xxx in Berlin (BNetzA), 01 99 00 xx xx in Paris (ARCEP).
 */
export function phoneNumbers(draw: Draw): readonly string[] {
  const digits = (length: number): string => draw.text(length, DIGIT);
  const us = (join: (area: string, local: string) => string): string =>
    join(`${2 + draw.below(8)}${1 + draw.below(8)}${draw.below(10)}`, `01${digits(2)}`);
  return [
    `+44 20 7946 0${digits(3)}`,
    `+49 30 23125 ${digits(3)}`,
    `+33 1 99 00 ${digits(2)} ${digits(2)}`,
    us((area, local) => `+1 (${area}) 555-${local}`),
    us((area, local) => `+1-${area}-555-${local}`),
    us((area, local) => `(${area}) 555-${local}`),
    us((area, local) => `${area}-555-${local}`),
    us((area, local) => `${area}.555.${local}`),
    `+44207946${"0"}${digits(3)}`,
    `+49-30-23125-${digits(3)}`,
    us((area, local) => `+1.${area}.555.${local}`),
  ];
}

/** The digit that makes the whole pass the Luhn check (ISO/IEC 7812-1, annex B). */
function luhnDigit(digits: string): string {
  const sum = [...digits].reverse().reduce((total, digit, index) => {
    const value = Number(digit) * (index % 2 === 0 ? 2 : 1);
    return total + (value > 9 ? value - 9 : value);
  }, 0);
  return String((10 - (sum % 10)) % 10);
}

function group(text: string, sizes: readonly number[], between: string): string {
  const starts = sizes.map((_, index) => sizes.slice(0, index).reduce((sum, size) => sum + size, 0));
  const parts = starts.map((start, index) => text.slice(start, start + (sizes[index] ?? 0)));
  return parts.filter((part) => part !== "").join(between);
}

const FOURS = [4, 4, 4, 4, 4, 4, 4, 4, 4];

/**
 * EXAMPLES ONLY: of the beginnings that payment services publish for tests (4242 42, 4111 11, 5555 55, 3782 82, 6011 11,
 * 3530 11), 14 to 19 digits long, with a valid check digit.
 */
export function cardNumbers(draw: Draw): readonly string[] {
  const card = (start: string, length: number): string => {
    const digits = start + draw.text(length - 1 - start.length, DIGIT);
    return digits + luhnDigit(digits);
  };
  return [
    card("42".repeat(3), 16),
    group(card(`4${"1".repeat(5)}`, 16), FOURS, " "),
    group(card("5".repeat(6), 16), FOURS, "-"),
    card(`37${"82".repeat(2)}`, 15),
    group(card(`37${"82".repeat(2)}`, 15), [4, 6, 5], " "),
    card(`60${"1".repeat(4)}`, 16),
    group(card(`35${"30"}11`, 16), FOURS, " "),
    card(`30${"5".repeat(4)}`, 14),
    card(`62${"05".repeat(2)}`, 19),
  ];
}

/** With its two check digits (ISO 13616, ISO 7064 MOD 97-10). */
function iban(country: string, account: string): string {
  let rest = 0;
  for (const character of `${account}${country}00`) {
    for (const digit of String(Number.parseInt(character, 36))) rest = (rest * 10 + Number(digit)) % 97;
  }
  return `${country}${String(98 - rest).padStart(2, "0")}${account}`;
}

/** EXAMPLES ONLY: drawn accounts at banks that do not exist, plain and in groups of four. */
export function ibans(draw: Draw): readonly string[] {
  const digits = (length: number): string => draw.text(length, DIGIT);
  const plain = [
    iban("DE", digits(18)),
    iban("GB", `XMPL${digits(14)}`),
    iban("FR", `${digits(10)}${draw.text(11, UPPER + DIGIT)}${digits(2)}`),
    iban("NL", `XMPL${digits(10)}`),
    iban("ES", digits(20)),
  ];
  return plain.flatMap((text) => [text, group(text, FOURS, " ")]);
}
