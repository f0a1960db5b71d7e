import fc from "fast-check";
import picomatch from "picomatch";
import { describe, expect, test } from "vitest";
import { ACTOR_CHARACTER, LABEL_CHARACTER, matches, readValueGlob } from "../../src/policy/glob.js";
import { readTopicPattern } from "../../src/policy/topic-pattern.js";
import { createTopicTrie } from "../../src/policy/topic-trie.js";
import { cases } from "../scale.js";

const RUNS = cases("a pattern on a text", 20_000, 20_000);

function matchesValue(pattern: string, value: string): boolean {
  const read = readValueGlob(pattern, LABEL_CHARACTER);
  if (!read.ok) throw new Error(read.message);
  return read.value.some((glob) => matches(glob, value));
}

function matchesTopic(pattern: string, topic: string): boolean {
  const trie = createTopicTrie<number>();
  trie.add(pattern, 0);
  return trie.find(topic).length > 0;
}

describe("topic patterns", () => {
  test.each([
    ["job.*", "job.read", true],
    ["job.*", "job", false],
    ["job.*", "job.read.x", false],
    ["job.**", "job.read.x", true],
    ["job.**", "job", false],
    ["**", "job", true],
    ["**.delete", "delete", false],
    ["**.delete", "a.b.delete", true],
    ["a.**.z", "a.z", false],
    ["a.**.z", "a.b.c.z", true],
    ["**.x.**", "a.x.b", true],
    ["**.x.**", "x.x.x", true],
    ["**.x.**", "x.x", false],
    ["**.**", "a", false],
    ["**.**", "a.b", true],
    ["job.{read,list}.*", "job.list.x", true],
    ["job.{read,list}.*", "job.write.x", false],
    ["job.re?d", "job.read", true],
    ["job.re?d", "job.red", false],
    ["job.*-prod-*", "job.eu-prod-1", true],
    ["job.a*", "job.a", true],
    ["job.{a*,b}c", "job.axc", true],
    ["constructor", "constructor", true],
    [`${"a.".repeat(127)}a*`, `${"a.".repeat(127)}ab`, true],
    ["job.__proto__", "job.constructor", false],
  ])("%s on %s is %s", (pattern, topic, wanted) => {
    expect(matchesTopic(pattern, topic)).toBe(wanted);
  });

  test("a topic that matches in several ways matches once", () => {
    const trie = createTopicTrie<string>();
    trie.add("**.a.**", "either side of an a");
    expect(trie.find("a.a.a.a.a")).toEqual([["either side of an a"]]);
  });

  test("what stands under one pattern is one list, whatever the pattern is made of", () => {
    const trie = createTopicTrie<number>();
    const patterns = ["a", "a*", "*", "**", "a.b", "a*.b", "*.b", "**.b"];
    for (const [index, pattern] of [...patterns, ...patterns].entries()) trie.add(pattern, index);
    const lists = patterns.map((_, index) => [index, index + patterns.length]);
    expect(trie.lists().toSorted(([one = 0], [other = 0]) => one - other)).toEqual(lists);
  });

  test.each([
    ["", "a pattern must not be empty"],
    ["job..x", "a pattern must not have an empty segment"],
    ["job.", "a pattern must not have an empty segment"],
    [".job", "a pattern must not have an empty segment"],
    ["job.[ab]", "`[` has no meaning in a pattern"],
    ["!job.*", "`!` has no meaning in a pattern"],
    ["job.+(a|b)", "`(` has no meaning in a pattern"],
    ["job.a\\*", "`\\` has no meaning in a pattern"],
    ["job.a**", "`**` must stand alone between dots, in topics"],
    ["a.**.b.**.c.**", "a pattern may hold at most 2 `**`"],
    ["job.*a*b*", "a segment may hold at most 2 `*`"],
    ["job.{a,{b,c}}", "braces must not nest"],
    ["job.{a", "`{` is not closed"],
    ["job.a}", "`}` closes nothing"],
    ["job.{a}", "braces need at least two choices"],
    ["job.{a,}", "a choice in braces must not be empty"],
    ["job.{a.b,c}", "`{` is not closed"],
    ["job.{a,b}{c,d}{e,f}{g,h}{i,j}{k,l}{m,n}", "braces must not make more than 64 spellings"],
    ["{a,b}.{a,b}.{a,b}.{a,b}.{a,b}.{a,b}.{a,b}", "braces must not make more than 64 spellings"],
    ["job/read", "no legal topic holds `/`"],
    ["job.a b", "no legal topic holds U+0020"],
    ["job.é", "no legal topic holds U+00E9"],
    ["a".repeat(257), "a pattern must have at most 256 characters"],
  ])("%s is refused", (pattern, message) => {
    expect(readTopicPattern(pattern)).toEqual({ ok: false, message });
  });

  test("picomatch takes a legal `+` for a repetition or for nonsense: the control", () => {
    expect(matchesTopic("a?+b", "ax+b")).toBe(true);
    expect(() => picomatch.isMatch("+++a", "+++a", { debug: true })).toThrow("Nothing to repeat");
    expect(matchesTopic("+++a", "+++a")).toBe(true);
  });

  // Without `+`: see the control above.
  test("a segment matches as picomatch has it, over the whole language", () => {
    const seed = 7;
    console.info(`seed ${seed}`);
    const options = { dot: true, nonegate: true, debug: true, noextglob: true };
    const part = fc.constantFrom("a", "b", "aa", "*", "?", "{a,b}", "{a?,bb}", "-", "@", "~", "%", ":");
    const pattern = fc
      .array(part, { minLength: 1, maxLength: 6 })
      .map((parts) => parts.join(""))
      .filter((text) => readTopicPattern(text).ok && text !== "**");
    const segment = fc.array(fc.constantFrom("a", "b", "-", "@", "~", "%", ":"), { minLength: 1, maxLength: 8 });
    fc.assert(
      fc.property(pattern, segment, (glob, characters) => {
        const text = characters.join("");
        expect([glob, text, matchesTopic(glob, text)]).toEqual([glob, text, picomatch.isMatch(text, glob, options)]);
      }),
      { seed, numRuns: RUNS },
    );
  });
});

describe("value patterns", () => {
  test.each([
    ["agent-*", "agent-7", true],
    ["agent-*", "agent-", true],
    ["agent-*", "xagent-7", false],
    ["spiffe://x/*", "spiffe://x/y/z", true],
    ["a?c", "a/c", true],
    ["a*", "a\nb", true],
    ["*", "", true],
    ["*", "..", true],
    ["./a", "a", false],
    ["?", "😀", true],
    ["??", "😀", false],
    ["*?", "😀", true],
    ["*@{x,y}.com", "me@y.com", true],
    ["a*b*c", "abbc", true],
    ["a*bc*d", "abXbcd", true],
    ["a*b?*d", "axbyzd", true],
    ["ab*ba", "aba", false],
    ["a*?", "a", false],
  ])("%s on %j is %s", (pattern, value, wanted) => {
    expect(matchesValue(pattern, value)).toBe(wanted);
  });

  test("picomatch, over whole values, would miss `/` and line breaks and rewrite `./`: the control", () => {
    const options = { dot: true, nonegate: true, bash: true, noextglob: true };
    expect(picomatch.isMatch("a/c", "a?c", options)).toBe(false);
    expect(picomatch.isMatch("a\nb", "a*", options)).toBe(false);
    expect(picomatch.isMatch("a", "./a", options)).toBe(true);
  });

  test("a pattern that no actor can have is refused", () => {
    expect(readValueGlob("agent 7", ACTOR_CHARACTER)).toEqual({ ok: false, message: "no legal value holds U+0020" });
    expect(readValueGlob("a**", ACTOR_CHARACTER)).toEqual({
      ok: false,
      message: "`**` must stand alone between dots, in topics",
    });
  });

  test("matching agrees with a regular expression over every shape", () => {
    const seed = 8;
    console.info(`seed ${seed}`);
    const pattern = fc
      .array(fc.constantFrom("a", "b", "/", "*", "?", "."), { minLength: 1, maxLength: 7 })
      .map((parts) => parts.join(""))
      .filter((text) => readValueGlob(text, LABEL_CHARACTER).ok);
    const value = fc
      .array(fc.constantFrom("a", "b", "/", ".", "\n", "😀"), { maxLength: 8 })
      .map((parts) => parts.join(""));
    const naive = (glob: string): RegExp =>
      new RegExp(
        `^${[...glob].map((c) => (c === "*" ? "[^]*" : c === "?" ? "[^]" : `\\${c}`.replace(/\\([ab])/, "$1"))).join("")}$`,
        "u",
      );
    fc.assert(
      fc.property(pattern, value, (glob, text) => {
        expect([glob, text, matchesValue(glob, text)]).toEqual([glob, text, naive(glob).test(text)]);
      }),
      { seed, numRuns: RUNS },
    );
  });
});

describe("adversarial texts", () => {
  const cpu = (work: () => void): number => {
    const start = process.cpuUsage();
    work();
    return process.cpuUsage(start).user / 1_000;
  };
  const shapes = ["*a*", "a*a", "*?a?*", "?*a*?", "*aaaaaaaaaaaaaaab*", "a?a?a?a?*b*", "{a,b}*{a,b}*", "*a?b"];
  const texts = ["a".repeat(256), `${"a".repeat(255)}b`, "ab".repeat(128), "b".repeat(256)];

  test("every accepted shape answers a 256-character segment in under a millisecond", () => {
    for (const shape of shapes) {
      for (const text of texts) {
        const spent = cpu(() => {
          for (let round = 0; round < 100; round += 1) matchesTopic(shape, text);
        });
        expect([shape, spent < 100]).toEqual([shape, true]);
      }
    }
  });

  test("two `**` in each of 1,000 patterns stay cheap on the longest topic of the shortest segments", () => {
    const trie = createTopicTrie<number>();
    for (let rule = 0; rule < 1_000; rule += 1) trie.add(`**.a.*.${"a.".repeat(rule % 50)}**.r${rule}`, rule);
    const topic = Array.from({ length: 128 }, () => "a").join(".");
    let found: readonly unknown[] = [];
    const spent = cpu(() => {
      for (let round = 0; round < 10; round += 1) found = trie.find(topic);
    });
    expect(found).toEqual([]);
    // Ten look-ups; a walk of every path, the control below, takes minutes.
    expect(spent).toBeLessThan(500);
  });

  test("walking every path of `**`, without remembering nodes, explodes: the control", () => {
    let steps = 0;
    const naive = (pattern: readonly string[], at: number, topic: readonly string[], from: number): boolean => {
      steps += 1;
      if (steps > 1_000_000) throw new Error("exploded");
      if (at === pattern.length) return from === topic.length;
      if (from === topic.length) return false;
      if (pattern[at] === "**") {
        for (let to = from + 1; to <= topic.length; to += 1) if (naive(pattern, at + 1, topic, to)) return true;
        return false;
      }
      return (pattern[at] === "*" || pattern[at] === topic[from]) && naive(pattern, at + 1, topic, from + 1);
    };
    const topic = Array.from({ length: 128 }, () => "a");
    expect(() => naive("**.**.**.**.**.z".split("."), 0, topic, 0)).toThrow("exploded");
  });
});
