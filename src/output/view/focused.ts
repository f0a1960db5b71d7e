import { lastNotPast, type Span, type View } from "../view.js";

/** The parts of a view so far around some places, in ascending order, parted by NULs: for what can only be found near them. */
export function focusedView(before: View, places: readonly number[], radius: number): View {
  const { text } = before;
  const parts: Span[] = [];
  for (const place of places) {
    const last = parts[parts.length - 1];
    const start = Math.max(0, place - radius);
    const end = Math.min(text.length, place + radius);
    if (last !== undefined && start <= last.end) parts[parts.length - 1] = { start: last.start, end };
    else parts.push({ start, end });
  }
  const [only] = parts;
  if (parts.length === 1 && only?.start === 0 && only.end === text.length) return before;
  const starts: number[] = [];
  let length = 0;
  for (const { start, end } of parts) {
    starts.push(length);
    length += end - start + 1;
  }
  return {
    text: parts.map(({ start, end }) => text.slice(start, end)).join("\0"),
    before,
    within: ({ start, end }) => {
      const index = lastNotPast(starts, start);
      const shift = (parts[index]?.start ?? 0) - (starts[index] ?? 0);
      return { start: start + shift, end: end + shift };
    },
  };
}
