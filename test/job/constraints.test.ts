import { describe, expect, test } from "vitest";
import { type AdmitContext, admit, DEFAULT_MAX_JOB_BYTES } from "../../src/job/admit.js";

const context: AdmitContext = { jobId: "j", traceId: "t", maxJobBytes: DEFAULT_MAX_JOB_BYTES };

/** What is wrong with these constraints, or nothing. */
function issueOf(constraints: unknown): unknown {
  const result = admit({ topic: "t", constraints }, context);
  return result.ok ? undefined : result.issue;
}

const SECONDS = "`maxRuntimeSec` must be a number of seconds over 0, at most 31536000";
const RETRIES = "`maxRetries` must be an integer from 0 to 1000";
const BYTES = `\`maxOutputBytes\` must be an integer from 0 to ${Number.MAX_SAFE_INTEGER}`;

describe("a number", () => {
  test.each([
    { maxRuntimeSec: 0.001 },
    { maxRuntimeSec: 31_536_000 },
    { maxRetries: 0 },
    { maxRetries: 1_000 },
    { maxOutputBytes: 0 },
    { maxOutputBytes: Number.MAX_SAFE_INTEGER },
    { maxRuntimeSec: 1.5, maxRetries: 2, maxOutputBytes: 3, paths: {}, network: {} },
  ])("%j is within its range", (constraints) => {
    const result = admit({ topic: "t", constraints }, context);
    expect(result.ok && result.admission.job.constraints).toEqual(constraints);
  });

  test.each([
    ["maxRuntimeSec", 0, SECONDS],
    ["maxRuntimeSec", -1, SECONDS],
    ["maxRuntimeSec", 31_536_000.5, SECONDS],
    ["maxRuntimeSec", "5", SECONDS],
    ["maxRuntimeSec", null, SECONDS],
    ["maxRetries", -1, RETRIES],
    ["maxRetries", 1_001, RETRIES],
    ["maxRetries", 1.5, RETRIES],
    ["maxRetries", "1", RETRIES],
    ["maxRetries", true, RETRIES],
    ["maxOutputBytes", -1, BYTES],
    ["maxOutputBytes", 0.5, BYTES],
    ["maxOutputBytes", [1], BYTES],
  ])("%s of %j is refused", (key, value, message) => {
    expect(issueOf({ [key]: value })).toEqual({ path: `/constraints/${key}`, message });
  });
});

describe("a list of paths or hosts", () => {
  test.each([
    ["paths", "read", "/a"],
    ["paths", "write", "/a"],
    ["paths", "deny", "/a"],
    ["network", "allow", "a"],
    ["network", "deny", "a"],
  ])("%s.%s may be empty, holds at most 256 texts, and nothing else", (key, name, item) => {
    const place = `/constraints/${key}/${name}`;
    const most = `\`${key}.${name}\` must be a list of at most 256`;
    const full = Array.from({ length: 256 }, () => item);
    expect(issueOf({ [key]: { [name]: [] } })).toBeUndefined();
    expect(issueOf({ [key]: { [name]: full } })).toBeUndefined();
    expect(issueOf({ [key]: { [name]: [...full, item] } })).toEqual({ path: place, message: most });
    expect(issueOf({ [key]: { [name]: item } })).toEqual({ path: place, message: most });
    expect(issueOf({ [key]: { [name]: { length: 1 } } })).toEqual({ path: place, message: most });
    const is =
      key === "paths"
        ? "an absolute path without wildcards, `.` or `..`"
        : "a host, `*.host`, an address or a CIDR range";
    const message = `an item of \`${key}.${name}\` must be ${is}`;
    expect(issueOf({ [key]: { [name]: [item, 1] } })).toEqual({ path: `${place}/1`, message });
    expect(issueOf({ [key]: { [name]: [item, ""] } })).toEqual({ path: `${place}/1`, message });
  });

  test("stands in an object that has no other key", () => {
    for (const value of [null, [], "x", 1]) {
      expect(issueOf({ paths: value })).toEqual({ path: "/constraints/paths", message: "`paths` must be an object" });
      expect(issueOf({ network: value })).toMatchObject({ message: "`network` must be an object" });
      expect(issueOf(value)).toEqual({ path: "/constraints", message: "`constraints` must be an object" });
    }
    expect(issueOf({ paths: { reed: [] } })).toEqual({
      path: "/constraints/paths",
      message: "`constraints.paths` has an unknown key `reed` (did you mean `read`?)",
    });
    expect(issueOf({ network: { zzzzzz: [] } })).toEqual({
      path: "/constraints/network",
      message: "`constraints.network` has an unknown key `zzzzzz` (one of: allow, deny)",
    });
    expect(issueOf({ qqqqqq: 1 })).toEqual({
      path: "/constraints",
      message:
        "`constraints` has an unknown key `qqqqqq` (one of: maxRuntimeSec, maxRetries, maxOutputBytes, paths, network)",
    });
  });

  test("an unknown key is told before a list that is wrong", () => {
    expect(issueOf({ paths: { read: 1, rite: [] } })).toMatchObject({
      message: "`constraints.paths` has an unknown key `rite` (did you mean `write`?)",
    });
  });
});

describe("a path", () => {
  test.each([
    "/",
    "/a",
    "/a/b c/d.txt",
    "/...",
    "/a/..b/.c/d..",
    "/a/\u{1f600}",
    "C:\\",
    "c:/a",
    "Z:\\a\\b",
    `/${"a".repeat(4_093)}`,
    `C:/${"a".repeat(4_093)}`,
  ])("%j is absolute and of whole components", (path) => {
    expect(issueOf({ paths: { read: [path] } })).toBeUndefined();
  });

  test.each([
    "a",
    "./a",
    "a/b",
    "~/a",
    "C:",
    "C:a",
    "CD:/a",
    "1:/a",
    "@:/a",
    "[:/a",
    "x/a",
    " /a",
    "/.",
    "/..",
    "/./a",
    "/a/.",
    "/a/../b",
    "/a\\..\\b",
    "/a\\..",
    "C:\\..",
    "C:\\a\\.\\b",
    "/a*",
    "/*/a",
    "/a?",
    "/a\0",
    "/a\nb",
    "/a/..\n",
    "/a\n/../b",
    "\n/a",
    `/${"a".repeat(4_094)}`,
    `/${"\u{1f600}".repeat(4_094)}`,
  ])("%j is none", (path) => {
    expect(issueOf({ paths: { read: [path] } })).toMatchObject({ path: "/constraints/paths/read/0" });
  });
});

describe("a host", () => {
  test.each([
    "a",
    "Z",
    "0",
    "_dmarc.example.com",
    "*.example.com",
    "example.com:443",
    "example.com:1",
    "example.com:65535",
    "10.0.0.1",
    "10.0.0.0/8",
    "10.0.0.0/8:443",
    "10.0.0.0/24",
    "[::1]",
    "[::1]:8080",
    "::1",
    "fe80::/128",
    "a-b",
    `a${"b".repeat(252)}`,
  ])("%j is one", (host) => {
    expect(issueOf({ network: { allow: [host] } })).toBeUndefined();
  });

  test.each([
    "",
    " a",
    "a ",
    "a b",
    "-a",
    ".a",
    "]a",
    "*",
    "*a",
    "**.a",
    "a.*",
    "*.*.a",
    "*.",
    "https://a",
    "a/b",
    "a/",
    "a/1234",
    "a/8/8",
    "a/8:",
    "a/8:123456",
    "a/8:x",
    "a@b",
    "a\n",
    "a\nb",
    "\u00e9",
    `a${"b".repeat(253)}`,
  ])("%j is none", (host) => {
    expect(issueOf({ network: { allow: [host] } })).toMatchObject({ path: "/constraints/network/allow/0" });
  });
});
