import { findEach, findEachJoined } from "./clues.js";
import type { Finder, Hit } from "./hit.js";
import { isMarked, type Markers, markersIn } from "./mark.js";
import { isProse } from "./prose.js";
import type { Sheet } from "./sheet.js";
import { decodedView } from "./view/decoded.js";
import { focusedView } from "./view/focused.js";
import { foldedView } from "./view/folded.js";
import { joinedView, unwrappedView } from "./view/joined.js";
import { columnsView, listsView, spreadView } from "./view/spread.js";
import { unescapedView } from "./view/unescaped.js";
import { keyOf, placeOf, plainView, type Span, type View } from "./view.js";

/** A hit in a sheet, in whichever view it was found. */
export interface Sighting extends Span {
  readonly kind: string;
  readonly finder: Finder;
  /** What was found, as it reads in that view. */
  readonly found: string;
  /** The key whose values it runs through, and no others between them; undefined where it is one stretch. */
  readonly under: string | undefined;
}

/** One search through one sheet. */
export interface Search {
  readonly finders: readonly Finder[];
  /** Kinds whose markers are known: what lies within one was redacted before. */
  readonly kinds: () => ReadonlySet<string>;
  /** Told each new sighting; throws when there are too many. */
  readonly onSighting: () => void;
  /** Asked between steps; throws when the time for the search is over. */
  readonly onStep: () => void;
}

/**
 * Everything that is found in a sheet: in the text as it is, folded, decoded and unescaped; where a line end or the end of a
 * value may break it, also unwrapped and in the values run together; and what is known by its length without any white space.
 */
export function look(search: Search, sheet: Sheet): readonly Sighting[] {
  return lookAt(search, sheet, (plain) => plain);
}

/** How far around a marker something new may reach. */
const NEAR = 512;

/** The same where all that can be new is near what was redacted. */
export function lookAgain(search: Search, sheet: Sheet): readonly Sighting[] {
  return lookAt(search, sheet, (plain, { starts }) => focusedView(plain, starts, NEAR));
}

function lookAt(search: Search, sheet: Sheet, where: (plain: View, markers: Markers) => View): readonly Sighting[] {
  if (search.finders.length === 0) return [];
  const markers = markersIn(sheet.text, search.kinds);
  const { finders, kinds, onSighting, onStep } = search;
  const looking: Looking = { finders, kinds, onSighting, onStep, markers, sightings: [] };
  const whole = plainView(sheet.text);
  const plain = where(whole, markers);
  lookIn(looking, plain);
  const folded = foldedView(plain);
  if (folded !== null) lookIn(looking, folded.changed);
  const base = folded?.whole ?? plain;
  const breaks = search.finders.some((finder) => finder.breaks !== "never" || finder.findJoined !== undefined);
  const unwrapped = unwrappedView(base);
  if (breaks) {
    if (unwrapped !== null) lookAcross(looking, unwrapped, base);
    const joined = joinedView(base);
    if (joined !== null) lookJoined(looking, joined, base);
    const columns = columnsView(whole, sheet);
    for (const texts of [listsView(whole, sheet), columns]) {
      if (texts === null) continue;
      const together = foldedView(texts)?.whole ?? texts;
      lookAcross(looking, together, whole);
      lookJoined(looking, together, whole);
    }
    const spread = spreadView(whole, sheet);
    if (spread !== null) lookJoined(looking, foldedView(spread)?.whole ?? spread, whole);
    const parts = columns ?? spread;
    const together = parts === null ? null : decodedView(parts);
    if (together !== null) lookDecoded(looking, together);
  }
  const decoded = decodedView(unwrapped ?? base);
  if (decoded !== null) lookDecoded(looking, decoded);
  const unescaped = unescapedView(base);
  if (unescaped !== null) lookIn(looking, unescaped);
  return looking.sightings;
}

interface Looking extends Search {
  readonly markers: Markers;
  readonly sightings: Sighting[];
}

function lookIn(looking: Looking, view: View): void {
  findEach(looking.finders, view.text, (finder) => {
    looking.onStep();
    return (hit) => add(looking, { finder, view, hit }, placeOf(view, hit));
  });
}

/** Only hits that a break runs through, seen from the text that has the breaks; the others were found there. */
function lookAcross(looking: Looking, view: View, broken: View): void {
  findEach(looking.finders, view.text, (finder) => {
    if (finder.breaks === "never") return null;
    looking.onStep();
    return (hit) => addBroken(looking, { finder, view, hit }, broken);
  });
}

function addBroken(looking: Looking, { finder, view, hit }: Found, broken: View): void {
  looking.onStep();
  const place = placeOf(view, hit, broken);
  // Where one fills its value, what it is known by stands beyond the break.
  const isAtEnd = broken.text[place.start - 1] === "\0" || broken.text[place.end] === "\0";
  if (!isAtEnd && !isBroken(hit, place)) return;
  const whole = placeOf(broken, place);
  const [known, another] = looking.sightings.filter((seen) => seen.kind === hit.kind && overlap(seen, whole));
  // Several that stand one after the other are themselves, each found by itself.
  if (another !== undefined) return;
  // A part of it was found by itself, or its kind is nothing but a run: then the rest may be what stands beside it.
  const doubted = known !== undefined || finder.breaks === "made";
  if (doubted && !isMade(view.text, hit, restOf(broken.text, place, known?.found))) return;
  add(looking, { finder, view, hit }, whole);
}

const BREAK = /[\s\0]+/;

/** What of a hit stands behind what was found before, or else behind its first break. */
function restOf(text: string, { start, end }: Span, known: string | undefined): string {
  const found = text.slice(start, end);
  if (known !== undefined && found.startsWith(known)) return found.slice(known.length).replaceAll(BREAKS, "");
  const first = found.search(BREAK);
  return (first === -1 ? found : found.slice(first)).replaceAll(BREAKS, "");
}

const BREAKS = /[\s\0]+/g;

/** True for the rest of what was drawn at random: no word, and not the name of what is assigned next. */
function isMade(text: string, { end }: Span, rest: string): boolean {
  if (/^\s?[:=]/.test(text.slice(end, end + 2)) || rest.length < 4) return false;
  return (/[0-9]/.test(rest) && /[A-Za-z]/.test(rest)) || /[a-z][A-Z]/.test(rest);
}

/** Bytes that happen to look like something stand among others that no text has. */
const LEAST_STRETCH = 12;

function lookDecoded(looking: Looking, view: View): void {
  findEach(looking.finders, view.text, (finder) => {
    looking.onStep();
    return (hit) => {
      if (!finder.guessable || isInText(view.text, hit)) add(looking, { finder, view, hit }, placeOf(view, hit));
    };
  });
}

/** True in a long enough stretch of plain text, or in one that is all that was decoded. */
function isInText(text: string, { start, end }: Span): boolean {
  let from = start;
  while (from > 0 && start - from < LEAST_STRETCH && isReadable(text, from - 1)) from -= 1;
  let to = end;
  while (to < text.length && to - end < LEAST_STRETCH && isReadable(text, to)) to += 1;
  const isAll = (from === 0 || text[from - 1] === "\0") && (to === text.length || text[to] === "\0");
  return isAll || to - from - (end - start) >= LEAST_STRETCH || to - from >= 2 * LEAST_STRETCH;
}

function isReadable(text: string, at: number): boolean {
  const code = text.charCodeAt(at);
  return (code >= 0x20 && code < 0x7f) || code === 9 || code === 10 || code === 13;
}

/** White space parts words: what is left without it is a secret only where its pieces are no words. */
function lookJoined(looking: Looking, view: View, base: View): void {
  findEachJoined(looking.finders, view.text, (finder) => {
    looking.onStep();
    return (hit) => {
      const { start, end } = placeOf(view, hit, base);
      if (!isBroken(hit, { start, end }) || isProse(base.text.slice(start, end))) return;
      // It was found at its shortest: what follows without a break is its rest.
      const whole = { start, end: pieceEnd(base.text, end) };
      add(looking, { finder, view, hit }, placeOf(base, whole));
    };
  });
}

const PIECE = /[A-Za-z0-9_=+/-]*/y;

function pieceEnd(text: string, from: number): number {
  PIECE.lastIndex = from;
  PIECE.test(text);
  return PIECE.lastIndex;
}

function isBroken(hit: Span, place: Span): boolean {
  return place.end - place.start !== hit.end - hit.start;
}

function overlap(a: Span, b: Span): boolean {
  return a.start < b.end && b.start < a.end;
}

interface Found {
  readonly finder: Finder;
  readonly view: View;
  readonly hit: Hit;
}

function add(looking: Looking, { finder, view, hit }: Found, { start, end }: Span): void {
  looking.onStep();
  const { kind } = hit;
  const under = keyOf(view, hit);
  const isKnown = looking.sightings.some(
    (seen) =>
      (seen.kind === kind || finder.yields === true) &&
      (seen.under === undefined || seen.under === under) &&
      seen.start <= start &&
      end <= seen.end,
  );
  if (end <= start || isKnown || isMarked(looking.markers, { start, end })) return;
  looking.onSighting();
  looking.sightings.push({ kind, start, end, finder, found: view.text.slice(hit.start, hit.end), under });
}
