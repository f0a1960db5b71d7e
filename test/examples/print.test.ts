import { describe, expect, it } from "vitest";
import { createPrinter, inked, showsColours } from "../../examples/drill/print.js";

function printed(colours: boolean, print: (printer: ReturnType<typeof createPrinter>) => void): string {
  let text = "";
  const printer = createPrinter((line) => {
    text += line;
  }, colours);
  print(printer);
  return text;
}

describe("the drill's printer", () => {
  it("writes out whatever could act on a terminal, in colour or not", () => {
    const hostile = "a\u001b[2Jb\u202Ec\r\nd\u200Be\u2028f\u009B";
    const safe = "a\\u{1b}[2Jb\\u{202e}c\\u{d}\\u{a}d\\u{200b}e\\u{2028}f\\u{9b}";
    expect(printed(false, ({ line }) => line(hostile, inked("good", hostile)))).toBe(`${safe}${safe}\n`);
    expect(printed(true, ({ line }) => line(hostile, inked("good", hostile)))).toBe(
      `${safe}\u001b[32m${safe}\u001b[0m\n`,
    );
  });

  it("wraps a cell at spaces to the width of its column, and drops nothing", () => {
    const columns = [
      { title: "step", width: 6 },
      { title: "got", width: 8 },
    ];
    const text = printed(false, ({ table }) => table(columns, [["one", "two three four-and-more"]]));
    expect(text).toBe(
      ["step    got", "------  --------", "one     two", "        three", "        four-and-more", ""].join("\n"),
    );
  });

  it.each([
    [true, { TERM: "xterm" }, true],
    [true, { TERM: "xterm", NO_COLOR: "" }, true],
    [true, { TERM: "xterm", NO_COLOR: "1" }, false],
    [true, { TERM: "dumb" }, false],
    [false, { TERM: "xterm" }, false],
  ])("on a stream with isTTY %s and %o shows colours: %s", (isTTY, env, shows) => {
    expect(showsColours({ isTTY }, env)).toBe(shows);
  });
});
