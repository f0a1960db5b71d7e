import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { allowsHost, checkUrl, type NetworkLimits } from "../../src/dispatch/guard/network.js";
import { GuardError } from "../../src/errors.js";
import { cases } from "../scale.js";

/** The URL that is answered, or the code and the message of the refusal. */
function judge(limits: NetworkLimits | undefined, url: string | URL): string {
  try {
    return checkUrl(limits, url).href;
  } catch (error) {
    if (!(error instanceof GuardError)) throw error;
    return `${error.code}: ${error.message}`;
  }
}

/** What is often written instead: the scheme, and the well-known numbers as they are usually spelt. */
function naive(url: string): "passes" | "refused" {
  const blocked = /localhost|\b127\.0\.0\.1|\b10\.|\b192\.168\.|\b172\.16\.|\b169\.254\.|\[::1?\]|\b0\.0\.0\.0/;
  return URL.canParse(url.trim()) && /^https?:/i.test(url.trim()) && !blocked.test(url) ? "passes" : "refused";
}

const notPublic = (host: string): string => `address_denied: the host \`${host}\` is not a public address`;
const noHost = (host: string): string => `url_invalid: the host \`${host}\` is no host`;
const HIDDEN = "url_invalid: the URL holds white space, a backslash or a character that does not show";
const BEGIN = "url_invalid: the URL must begin with `http://` or `https://` and a host";
const USER = "url_invalid: the URL holds a user name or a password";

describe("a URL without limits", () => {
  it.each([
    ["http://example.com", "http://example.com/"],
    ["https://example.com:8443/a?b=c#d", "https://example.com:8443/a?b=c"],
    ["https://example.com:443/", "https://example.com/"],
    ["HTTPS://EXAMPLE.COM/Path", "https://example.com/Path"],
    ["http://example.com./", "http://example.com/"],
    ["http://ex%61mple.com/", "http://example.com/"],
    ["http://B\u00dcCHER.example/", "http://xn--bcher-kva.example/"],
    ["http://8.8.8.8/", "http://8.8.8.8/"],
    ["http://[2606:4700::1111]/", "http://[2606:4700::1111]/"],
    ["http://[64:ff9b::8.8.8.8]/", "http://[64:ff9b::808:808]/"],
    ["http://example.com/@a", "http://example.com/@a"],
    ["http://example.com?u=@a", "http://example.com/?u=@a"],
    ["http://_srv.example.com/", "http://_srv.example.com/"],
  ])("passes %s", (url, wanted) => {
    expect(judge(undefined, url)).toBe(wanted);
    expect(judge({}, new URL(url))).toBe(wanted);
  });

  // The third column is what the naive check says: where it says `passes`, it would have let the call through.
  it.each([
    ["http://127.0.0.1/", notPublic("127.0.0.1"), "refused"],
    ["http://2130706433/", notPublic("127.0.0.1"), "passes"],
    ["http://0x7f000001/", notPublic("127.0.0.1"), "passes"],
    ["http://0x7f.1/", notPublic("127.0.0.1"), "passes"],
    ["http://0177.0.0.1/", notPublic("127.0.0.1"), "passes"],
    ["http://127.1/", notPublic("127.0.0.1"), "passes"],
    ["http://127.0.0.1./", notPublic("127.0.0.1"), "refused"],
    ["http://\uff11\uff12\uff17.1/", notPublic("127.0.0.1"), "passes"],
    ["http://%31%32%37.1/", notPublic("127.0.0.1"), "passes"],
    ["http://127.255.255.254/", notPublic("127.255.255.254"), "passes"],
    ["http://0/", notPublic("0.0.0.0"), "passes"],
    ["http://0.1.2.3/", notPublic("0.1.2.3"), "passes"],
    ["http://100.64.0.1/", notPublic("100.64.0.1"), "passes"],
    ["http://100.100.100.200/", notPublic("100.100.100.200"), "passes"],
    ["http://169.254.169.254/", notPublic("169.254.169.254"), "refused"],
    ["http://0xa9fea9fe/", notPublic("169.254.169.254"), "passes"],
    ["http://172.31.255.255/", notPublic("172.31.255.255"), "passes"],
    ["http://168.63.129.16/", notPublic("168.63.129.16"), "passes"],
    ["http://192.0.0.192/", notPublic("192.0.0.192"), "passes"],
    ["http://198.18.0.1/", notPublic("198.18.0.1"), "passes"],
    ["http://192.0.2.1/", notPublic("192.0.2.1"), "passes"],
    ["http://203.0.113.5/", notPublic("203.0.113.5"), "passes"],
    ["http://224.0.0.1/", notPublic("224.0.0.1"), "passes"],
    ["http://240.0.0.1/", notPublic("240.0.0.1"), "passes"],
    ["http://255.255.255.255/", notPublic("255.255.255.255"), "passes"],
    ["http://[::]/", notPublic("[::]"), "refused"],
    ["http://[::1]/", notPublic("[::1]"), "refused"],
    ["http://[0:0:0:0:0:0:0:1]/", notPublic("[::1]"), "passes"],
    ["http://[::ffff:127.0.0.1]/", notPublic("[::ffff:7f00:1]"), "refused"],
    ["http://[::ffff:7f00:1]/", notPublic("[::ffff:7f00:1]"), "passes"],
    ["http://[::ffff:a9fe:a9fe]/", notPublic("[::ffff:a9fe:a9fe]"), "passes"],
    ["http://[::7f00:1]/", notPublic("[::7f00:1]"), "passes"],
    ["http://[::808:808]/", notPublic("[::808:808]"), "passes"],
    ["http://[64:ff9b::7f00:1]/", notPublic("[64:ff9b::7f00:1]"), "passes"],
    ["http://[64:ff9b::a9fe:a9fe]/", notPublic("[64:ff9b::a9fe:a9fe]"), "passes"],
    ["http://[64:ff9b:1::808:808]/", notPublic("[64:ff9b:1::808:808]"), "passes"],
    ["http://[2002:7f00:1::]/", notPublic("[2002:7f00:1::]"), "passes"],
    ["http://[2002:808:808::1]/", notPublic("[2002:808:808::1]"), "passes"],
    ["http://[2001:0:808:808::80ff:fffe]/", notPublic("[2001:0:808:808::80ff:fffe]"), "passes"],
    ["http://[fe80::1]/", notPublic("[fe80::1]"), "passes"],
    ["http://[fec0::1]/", notPublic("[fec0::1]"), "passes"],
    ["http://[fd00:ec2::254]/", notPublic("[fd00:ec2::254]"), "passes"],
    ["http://[ff02::1]/", notPublic("[ff02::1]"), "passes"],
    ["http://[2001:db8::1]/", notPublic("[2001:db8::1]"), "passes"],
    ["http://[3fff::1]/", notPublic("[3fff::1]"), "passes"],
    ["http://[100::1]/", notPublic("[100::1]"), "passes"],
    ["http://[4000::1]/", notPublic("[4000::1]"), "passes"],
    ["http://user:secret@example.com/", USER, "passes"],
    ["http://user@example.com/", USER, "passes"],
    ["http://@example.com/", USER, "passes"],
    ["http://:@example.com/", USER, "passes"],
    ["http://example.com:80@evil.example/", USER, "passes"],
    ["http://example.com%40evil.example/", noHost("example.com%40evil.example"), "refused"],
    ["http://a\\@b/", HIDDEN, "passes"],
    ["http:\\\\example.com/", HIDDEN, "passes"],
    ["http://exam\tple.com/", HIDDEN, "passes"],
    ["http://example.com/\n", HIDDEN, "passes"],
    [" http://example.com/", HIDDEN, "passes"],
    ["http://example.com/\u00a0", HIDDEN, "passes"],
    ["http://exam\u00adple.com/", HIDDEN, "passes"],
    ["http://example.com/\u202e", HIDDEN, "passes"],
    ["http://example.com/\0", HIDDEN, "passes"],
    ["http:example.com", BEGIN, "passes"],
    ["http:/example.com", BEGIN, "passes"],
    ["http:///example.com", BEGIN, "passes"],
    ["http://", BEGIN, "refused"],
    ["http://?x", BEGIN, "refused"],
    ["", BEGIN, "refused"],
    ["example.com", BEGIN, "refused"],
    ["//example.com", BEGIN, "refused"],
    ["/etc/passwd", BEGIN, "refused"],
    ["file:///etc/passwd", BEGIN, "refused"],
    ["data:text/plain,x", BEGIN, "refused"],
    ["ftp://example.com/", BEGIN, "refused"],
    ["javascript:alert(1)", BEGIN, "refused"],
    ["blob:http://example.com/1", BEGIN, "refused"],
    ["ws://example.com/", BEGIN, "refused"],
    ["http://a..b/", noHost("a..b"), "passes"],
    ["http://example.com../", noHost("example.com.."), "passes"],
    ["http://./", noHost("."), "passes"],
    ["http://.example.com/", noHost(".example.com"), "passes"],
    ["http://*.example.com/", noHost("*.example.com"), "passes"],
    [`http://${"a".repeat(64)}.example/`, `url_invalid: the host \`${"a".repeat(64)}...\` is no host`, "passes"],
    ["http://xn--0/", noHost("xn--0"), "refused"],
    ["http://[::1%25lo]/", noHost("[::1%25lo]"), "refused"],
    ["http://1.2.3.256/", noHost("1.2.3.256"), "refused"],
    ["http://example.com:0/", noHost("example.com:0"), "passes"],
    ["http://example.com:65536/", noHost("example.com:65536"), "refused"],
    [`http://example.com/${"a".repeat(8_174)}`, "url_invalid: the URL is over 8,192 characters", "passes"],
  ] as const)("refuses %j", (url, wanted, naively) => {
    expect(judge(undefined, url)).toBe(wanted);
    expect(naive(url)).toBe(naively);
  });

  it("takes 8,192 characters, and no character more", () => {
    const longest = `http://example.com/${"a".repeat(8_173)}`;
    expect(longest).toHaveLength(8_192);
    expect(judge(undefined, longest)).toBe(longest);
  });

  it("answers a URL of its own, so that the caller's may change", () => {
    const given = new URL("http://example.com/");
    const checked = checkUrl(undefined, given);
    given.hostname = "127.0.0.1";
    expect(checked.href).toBe("http://example.com/");
  });

  it("refuses what is neither text nor a URL, and a URL with a password", () => {
    expect(judge(undefined, JSON.parse('{"href":7}'))).toBe("url_invalid: the URL must be a string or a URL");
    expect(judge(undefined, JSON.parse("null"))).toBe("url_invalid: the URL must be a string or a URL");
    expect(judge(undefined, new URL("http://user:secret@example.com/"))).toBe(USER);
  });

  it("never repeats a password", () => {
    for (const url of ["http://user:secret@example.com/", "http://user:secret@example.com/ ", "ftp://u:secret@h/"]) {
      expect(judge(undefined, url)).not.toContain("secret");
    }
  });
});

describe("network.allow", () => {
  const on = (...lists: (readonly string[])[]): NetworkLimits => ({ allow: lists });
  const missing = (host: string, port = 80): string =>
    `host_denied: the host \`${host}\` is not in \`network.allow\` on port ${port}`;

  it.each([
    ["a host", ["example.com"], "http://example.com/"],
    ["a host in another spelling", ["EXAMPLE.com."], "http://example.com/"],
    ["an international host", ["b\u00fccher.example"], "http://xn--bcher-kva.example/"],
    ["a port", ["example.com:8080"], "http://example.com:8080/"],
    ["the port of the scheme", ["example.com:443"], "https://example.com/"],
    ["a host below", ["*.example.com"], "http://a.example.com/"],
    ["a host far below, on a port", ["*.example.com:80"], "http://a.b.c.example.com/"],
    ["an address", ["8.8.8.8"], "http://8.8.8.8/"],
    ["an address in another spelling", ["0x8080808"], "http://8.8.8.8/"],
    ["a range", ["8.8.8.0/24:80"], "http://8.8.8.8/"],
    ["a range written by one of its addresses", ["8.8.8.9/24"], "http://8.8.8.8/"],
    ["loopback", ["127.0.0.1:8080"], "http://127.0.0.1:8080/"],
    ["loopback, as a range", ["127.0.0.0/8"], "http://127.8.8.8/"],
    ["loopback, for the mapped address", ["127.0.0.1"], "http://[::ffff:7f00:1]/"],
    ["loopback, as a mapped range", ["::ffff:127.0.0.0/104"], "http://127.8.8.8/"],
    ["IPv6", ["::1"], "http://[::1]:8080/"],
    ["IPv6 on a port", ["[::1]:8080"], "http://[::1]:8080/"],
    ["an IPv6 range", ["fd00::/8"], "http://[fd12::1]/"],
    ["an IPv6 range on a port", ["[fd00::]/8:8080"], "http://[fd12::1]:8080/"],
    ["a tunnel, with what it carries", ["2002::/16", "10.0.0.0/8"], "http://[2002:a00:1::1]/"],
  ])("takes %s", (_, list, url) => {
    expect(judge(on(list), url)).toBe(url);
  });

  it.each([
    ["the host itself for what is below it", ["example.com"], "http://a.example.com/", missing("a.example.com")],
    ["what is below for the host itself", ["*.example.com"], "http://example.com/", missing("example.com")],
    ["the end of a name for a part of it", ["*.example.com"], "http://badexample.com/", missing("badexample.com")],
    ["the start of a name", ["example.com"], "http://example.com.evil.test/", missing("example.com.evil.test")],
    ["a homograph", ["apple.com"], "http://\u0430pple.com/", missing("xn--pple-43d.com")],
    ["another port", ["example.com:8080"], "http://example.com/", missing("example.com")],
    ["the other scheme", ["example.com:443"], "http://example.com/", missing("example.com")],
    ["another address", ["8.8.8.8"], "http://8.8.4.4/", missing("8.8.4.4")],
    ["an address outside of the range", ["8.8.8.0/25"], "http://8.8.8.128/", missing("8.8.8.128")],
    ["an address on another port", ["8.8.8.0/24:443"], "http://8.8.8.8/", missing("8.8.8.8")],
    ["a tunnel to an address", ["8.8.8.8", "1.1.1.1"], "http://[64:ff9b::808:808]/", missing("[64:ff9b::808:808]")],
    ["nothing", [], "http://example.com/", missing("example.com")],
    ["loopback on another port", ["127.0.0.1:8080"], "http://127.0.0.1/", notPublic("127.0.0.1")],
    ["loopback as any address", ["0.0.0.0/0"], "http://127.0.0.1/", notPublic("127.0.0.1")],
    ["metadata as half of all addresses", ["128.0.0.0/1"], "http://169.254.169.254/", notPublic("169.254.169.254")],
    ["IPv6 loopback as any address", ["::/0"], "http://[::1]/", notPublic("[::1]")],
    ["what NAT64 carries", ["64:ff9b::/96"], "http://[64:ff9b::a00:1]/", notPublic("[64:ff9b::a00:1]")],
    ["what carries it", ["10.0.0.0/8"], "http://[64:ff9b::a00:1]/", notPublic("[64:ff9b::a00:1]")],
    ["what 6to4 carries", ["2002::/16"], "http://[2002:a00:1::1]/", notPublic("[2002:a00:1::1]")],
    [
      "what Teredo carries",
      ["2001::/32"],
      "http://[2001:0:808:808::80ff:fffe]/",
      notPublic("[2001:0:808:808::80ff:fffe]"),
    ],
    ["a name that reads like a wildcard", ["*.127.0.0.1"], "http://127.0.0.1/", notPublic("127.0.0.1")],
    [
      "an entry that cannot be read",
      ["exa mple.com", "example.com:99999", "1.2.3.4/33", "*"],
      "http://example.com/",
      missing("example.com"),
    ],
  ])("does not take %s", (_, list, url, wanted) => {
    expect(judge(on(list), url)).toBe(wanted);
    // The control: an entry for what was asked, and what it carries, lets it through.
    const { hostname } = new URL(url);
    expect(judge(on([hostname, "10.0.0.0/8", "127.0.0.0/8"]), url)).toBe(new URL(url).href);
  });

  it("must be satisfied in every list, and is not there when absent", () => {
    expect(judge(on(["a.test", "b.test"], ["b.test", "c.test"]), "http://b.test/")).toBe("http://b.test/");
    expect(judge(on(["a.test", "b.test"], ["b.test", "c.test"]), "http://a.test/")).toBe(missing("a.test"));
    expect(judge(on(["a.test"], []), "http://a.test/")).toBe(missing("a.test"));
    expect(judge({ deny: [] }, "http://a.test/")).toBe("http://a.test/");
    expect(judge(on(), "http://a.test/")).toBe("http://a.test/");
    expect(judge(on(), "http://127.0.0.1/")).toBe(notPublic("127.0.0.1"));
  });

  it("leaves a name to its addresses where a list has some, and a port to their port", () => {
    expect(judge(on(["10.0.0.0/8"]), "http://db.internal/")).toBe("http://db.internal/");
    expect(judge(on(["10.0.0.0/8:443"]), "http://db.internal/")).toBe(missing("db.internal"));
  });
});

describe("network.deny", () => {
  const denied = (code: string, host: string, entry: string, port = 80): string =>
    `${code}: the host \`${host}\` is denied by \`${entry}\` on port ${port}`;

  it.each([
    ["a host", "example.com", "http://EXAMPLE.com./", denied("host_denied", "example.com", "example.com")],
    [
      "a host below",
      "*.example.com",
      "http://a.b.example.com/",
      denied("host_denied", "a.b.example.com", "*.example.com"),
    ],
    [
      "a host on a port",
      "example.com:443",
      "https://example.com/",
      denied("host_denied", "example.com", "example.com:443", 443),
    ],
    ["an address", "8.8.8.8", "http://0x08080808/", denied("address_denied", "8.8.8.8", "8.8.8.8")],
    ["a range", "8.8.0.0/16", "http://8.8.8.8/", denied("address_denied", "8.8.8.8", "8.8.0.0/16")],
    [
      "an address that is mapped",
      "8.8.8.8",
      "http://[::ffff:808:808]/",
      denied("address_denied", "[::ffff:808:808]", "8.8.8.8"),
    ],
    [
      "an address in NAT64",
      "8.8.0.0/16",
      "http://[64:ff9b::808:808]/",
      denied("address_denied", "[64:ff9b::808:808]", "8.8.0.0/16"),
    ],
    [
      "an address in 6to4",
      "8.8.0.0/16",
      "http://[2002:808:808::1]/",
      denied("address_denied", "[2002:808:808::1]", "8.8.0.0/16"),
    ],
    [
      "a Teredo server",
      "8.8.0.0/16",
      "http://[2001:0:808:808::80ff:fffe]/",
      denied("address_denied", "[2001:0:808:808::80ff:fffe]", "8.8.0.0/16"),
    ],
    [
      "a Teredo client",
      "127.0.0.0/8",
      "http://[2001:0:808:808::80ff:fffe]/",
      denied("address_denied", "[2001:0:808:808::80ff:fffe]", "127.0.0.0/8"),
    ],
    [
      "IPv6",
      "2606:4700::/32",
      "http://[2606:4700::1111]/",
      denied("address_denied", "[2606:4700::1111]", "2606:4700::/32"),
    ],
  ])("refuses %s, whatever allows it", (_, entry, url, wanted) => {
    const allow = [[new URL(url).hostname.replace(/\.$/, ""), "2002::/16", "2001::/32", "127.0.0.0/8"]];
    expect(judge({ allow, deny: [entry] }, url)).toBe(wanted);
    expect(judge({ deny: [entry] }, url)).toBe(wanted);
    // The control: without the entry it passes.
    expect(judge({ allow }, url)).toMatch(/^https?:/);
  });

  it("leaves other hosts and ports alone", () => {
    const deny = ["*.example.com", "other.test:22", "8.8.8.8"];
    for (const url of ["http://example.com/", "http://other.test/", "http://8.8.4.4/", "http://badexample.com/"]) {
      expect(judge({ deny }, url)).toBe(url);
    }
  });

  it("refuses everything for an entry that cannot be read", () => {
    for (const entry of [
      "exa mple.com",
      "a..b",
      "8.8.8.8/33",
      "[::1",
      "*",
      "*.8.8.8.8",
      "a:0",
      "a:65536",
      "1:2:3:4:5:6:7:8:80",
    ]) {
      expect(judge({ deny: [entry] }, "http://example.com/")).toBe(
        `host_denied: the host \`example.com\` is denied, for the entry \`${entry}\` cannot be read`,
      );
      expect(allowsHost({ deny: [entry] }, "example.com")).toBe(false);
    }
  });
});

describe("allowsHost", () => {
  it.each([
    [undefined, "example.com", true],
    [undefined, "example.com:443", true],
    [undefined, "8.8.8.8:53", true],
    [undefined, "[2606:4700::1111]:443", true],
    [undefined, "2606:4700::1111", true],
    [undefined, "127.0.0.1", false],
    [undefined, "0x7f.1:80", false],
    [undefined, "::1", false],
    [undefined, "[::ffff:7f00:1]:80", false],
    [undefined, "", false],
    [undefined, "a b", false],
    [undefined, "a..b", false],
    [undefined, "*.example.com", false],
    [undefined, "example.com/path", false],
    [undefined, "http://example.com", false],
    [undefined, "user@example.com", false],
    [undefined, "example.com:", false],
    [undefined, "example.com:0", false],
    [undefined, "example.com:65536", false],
    [undefined, "8.8.8.0/24", false],
    [{ allow: [["example.com"]] }, "EXAMPLE.com.:443", true],
    [{ allow: [["*.example.com"]] }, "a.example.com", true],
    [{ allow: [["*.example.com"]] }, "*.example.com", false],
    [{ allow: [["example.com:443"]] }, "example.com:443", true],
    [{ allow: [["example.com:443"]] }, "example.com:80", false],
    [{ allow: [["example.com:443"]] }, "example.com", true],
    [{ allow: [["example.com:443"], ["example.com:80"]] }, "example.com", false],
    [{ allow: [["example.com:443"]], deny: ["example.com:443"] }, "example.com", false],
    [{ deny: ["example.com:22"] }, "example.com", true],
    [{ deny: ["example.com:22"] }, "example.com:22", false],
    [{ deny: ["example.com"] }, "example.com:443", false],
    [{ allow: [[]] }, "example.com", false],
    [{ allow: [["127.0.0.1:8080"]] }, "127.0.0.1:8080", true],
    [{ allow: [["localhost:8080", "127.0.0.1"]] }, "localhost:8080", true],
    // What a name resolves to is not known here.
    [{ allow: [["10.0.0.0/8"]] }, "db.internal", false],
    [{ allow: [["10.0.0.0/8"]] }, "10.1.2.3", true],
  ] as const)("%j, %j: %s", (limits, host, wanted) => {
    expect(allowsHost(limits, host)).toBe(wanted);
  });
});

describe("several lists", () => {
  const entry = fc.constantFrom(
    ...[
      "a.test",
      "*.test",
      "b.a.test:80",
      "127.0.0.1",
      "127.0.0.0/8:80",
      "10.0.0.0/8",
      "8.8.8.8",
      "8.0.0.0/8",
      "0.0.0.0/0",
    ],
    ...["::1", "64:ff9b::/96", "2002::/16", "a.test:443", "no entry"],
  );
  const list = fc.array(entry, { maxLength: 4 });
  const url = fc.constantFrom(
    ...["http://a.test/", "https://a.test/", "http://b.a.test/", "http://127.0.0.1/", "http://10.0.0.1/"],
    ...["http://8.8.8.8/", "https://127.0.0.1/", "http://[::1]/", "http://[64:ff9b::a00:1]/", "http://[2002:a00:1::]/"],
  );
  const passes = (limits: NetworkLimits, where: string): boolean => judge(limits, where).startsWith("http");

  it("allow exactly what each of them allows alone", () => {
    fc.assert(
      fc.property(fc.array(list, { minLength: 1, maxLength: 3 }), url, (lists, where) => {
        const alone = lists.every((one) => passes({ allow: [one] }, where));
        expect(passes({ allow: lists }, where)).toBe(alone);
      }),
      { numRuns: cases("network lists", 2_000, 100_000) },
    );
    // The control: lists joined into one allow what neither does alone.
    expect(passes({ allow: [["a.test"], ["b.a.test"]] }, "http://a.test/")).toBe(false);
    expect(passes({ allow: [["a.test", "b.a.test"]] }, "http://a.test/")).toBe(true);
  });
});
