import { lookup as lookupAll } from "node:dns/promises";
import { once } from "node:events";
import { createServer, get, type IncomingHttpHeaders, type RequestListener } from "node:http";
import { type AddressInfo, connect, createServer as createTcpServer, type Socket } from "node:net";
import { networkInterfaces } from "node:os";
import { text } from "node:stream/consumers";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { gzipSync } from "node:zlib";
import { afterEach, describe, expect, it } from "vitest";
import { createFetchGuard, type GuardedInit, type ResolvedAddress } from "../../src/dispatch/guard/fetch.js";
import { GuardError } from "../../src/errors.js";

/** A server on loopback that counts: what was connected, what is open, what was asked. */
interface Server {
  readonly port: number;
  readonly connections: () => number;
  readonly open: () => number;
  /** When none is open any more: how many there were, also those that were made while the last one closed. */
  readonly settled: () => Promise<number>;
  readonly requests: {
    readonly method: string;
    readonly url: string;
    readonly headers: IncomingHttpHeaders;
    body: string;
  }[];
  readonly close: () => Promise<void>;
}

const servers: Server[] = [];

const HAS_IPV6 = Object.values(networkInterfaces()).some((all) => all?.some(({ address }) => address === "::1"));

setFlagsFromString("--expose-gc");
const collectGarbage = runInNewContext("gc") as () => void;

afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => server.close()));
});

async function serve(answer: RequestListener, address = "127.0.0.1", port = 0): Promise<Server> {
  const sockets = new Set<Socket>();
  const requests: Server["requests"] = [];
  const from: (number | undefined)[] = [];
  const http = createServer(async (request, response) => {
    const { method = "", url = "", headers } = request;
    const seen = { method, url, headers, body: "" };
    requests.push(seen);
    try {
      seen.body = await text(request);
    } catch {
      // The client is gone.
    }
    answer(request, response);
  });
  http.on("connection", (socket) => {
    from.push(socket.remotePort);
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
  });
  // An idle connection is closed by the guard, or it stays.
  http.keepAliveTimeout = 600_000;
  http.listen(port, address);
  await once(http, "listening");
  const server: Server = {
    port: (http.address() as AddressInfo).port,
    connections: () => from.length,
    open: () => sockets.size,
    settled: async () => {
      for (const socket of sockets) if (!socket.closed) await once(socket, "close");
      // Connections are taken in order: whatever was made before this one is counted when this one is.
      const last = connect(server.port, address);
      await once(last, "connect");
      while (!from.includes(last.localPort)) await once(http, "connection");
      last.destroy();
      from.splice(from.indexOf(last.localPort), 1);
      return from.length;
    },
    requests,
    close: async () => {
      const closed = once(http, "close");
      http.close();
      http.closeAllConnections();
      await closed;
    },
  };
  servers.push(server);
  return server;
}

const says =
  (body: string): RequestListener =>
  (_, response) =>
    void response.end(body);
const redirects =
  (status: number, to: string | undefined): RequestListener =>
  (_, response) =>
    void response.writeHead(status, to === undefined ? {} : { location: to }).end("elsewhere");

/** One answer after the other, the last of them again and again; and how often it was asked. */
function resolver(...answers: (readonly string[])[]): {
  readonly resolve: (host: string) => Promise<readonly ResolvedAddress[]>;
  readonly asked: string[];
} {
  const asked: string[] = [];
  return {
    asked,
    resolve: async (host) => {
      const answer = answers[Math.min(asked.length, answers.length - 1)] ?? [];
      asked.push(host);
      return answer.map((address) => ({ address, family: address.includes(":") ? 6 : 4 }));
    },
  };
}

const HOME = resolver(["127.0.0.1"]).resolve;

/** What a call is refused with: code and message. */
async function refusal(call: Promise<Response>): Promise<string> {
  try {
    await call;
  } catch (error) {
    if (error instanceof GuardError) return `${error.code}: ${error.message}`;
    throw error;
  }
  return "passes";
}

const NOT_PUBLIC = "address_denied: the host `app.example` resolves to an address that is not public";

describe("a guarded fetch", () => {
  it("reaches a listed host at its listed address, and leaves no connection behind", async () => {
    const server = await serve(says("hello"));
    const { resolve, asked } = resolver(["127.0.0.1"]);
    const fetch = createFetchGuard({ limits: { allow: [[`app.example:${server.port}`, "127.0.0.1"]] }, resolve });
    const response = await fetch(`http://APP.example.:${server.port}/a?b#c`);
    expect(response).toBeInstanceOf(Response);
    expect([response.status, response.ok, response.redirected]).toEqual([200, true, false]);
    expect(response.url).toBe(`http://app.example:${server.port}/a?b`);
    const copy = response.clone();
    expect(copy.url).toBe(response.url);
    expect(await response.text()).toBe("hello");
    expect(await copy.text()).toBe("hello");
    await server.settled();
    expect(server.connections()).toBe(1);
    expect(asked).toEqual(["app.example"]);
    expect(server.requests[0]).toMatchObject({ method: "GET", url: "/a?b" });
    expect(server.requests[0]?.headers.host).toBe(`app.example:${server.port}`);
    expect(server.requests[0]?.headers).not.toHaveProperty("cookie");
  });

  it("reaches a listed address, and IPv6, without asking DNS", async () => {
    const { resolve, asked } = resolver([]);
    for (const [address, host] of [
      ["127.0.0.1", "127.0.0.1"],
      ["127.0.0.1", "0x7f.1"],
      ["127.0.0.1", "[::ffff:127.0.0.1]"],
      ["::1", "[::1]"],
    ] as const) {
      if (address === "::1" && !HAS_IPV6) continue;
      const server = await serve(says("hello"), address);
      const entry = address === "::1" ? `[::1]:${server.port}` : `127.0.0.1:${server.port}`;
      const fetch = createFetchGuard({ limits: { allow: [[entry]] }, resolve });
      expect(await (await fetch(`http://${host}:${server.port}/`)).text()).toBe("hello");
    }
    expect(asked).toEqual([]);
  });

  it("asks the system for `localhost` where nothing else is given", async () => {
    const addresses = (await lookupAll("localhost", { all: true })).map(({ address }) => address);
    const server = await serve(says("hello"), addresses[0]);
    const limits = { allow: [["localhost", "127.0.0.1", "::1"]] };
    const url = `http://localhost:${server.port}/`;
    expect(await (await createFetchGuard({ limits })(url)).text()).toBe("hello");
    expect(await refusal(createFetchGuard({ limits: undefined })(url))).toBe(
      "address_denied: the host `localhost` resolves to an address that is not public",
    );
  });

  it("tries each of the checked addresses", async () => {
    const server = await serve(says("hello"));
    const { resolve } = resolver(["::1", "127.0.0.1"]);
    const fetch = createFetchGuard({ limits: { allow: [["app.example", "::1", "127.0.0.1"]] }, resolve });
    expect(await (await fetch(`http://app.example:${server.port}/`)).text()).toBe("hello");
  });

  it.each([
    ["no limits", undefined, NOT_PUBLIC],
    ["the host alone", { allow: [["app.example"]] }, NOT_PUBLIC],
    ["any address", { allow: [["app.example", "0.0.0.0/0"]] }, NOT_PUBLIC],
    ["the address in one list of two", { allow: [["app.example", "127.0.0.1"], ["app.example"]] }, NOT_PUBLIC],
    ["the address on another port", { allow: [["app.example", "127.0.0.1:1"]] }, NOT_PUBLIC],
    [
      "another address",
      { allow: [["8.8.8.8"]] },
      "address_denied: the host `app.example` resolves to an address that is not public",
    ],
    [
      "a denied range",
      { allow: [["app.example", "127.0.0.1"]], deny: ["127.0.0.0/8"] },
      "address_denied: the host `app.example` resolves to an address that `network.deny` denies on port PORT",
    ],
    [
      "a denied host",
      { allow: [["app.example", "127.0.0.1"]], deny: ["*.example"] },
      "host_denied: the host `app.example` is denied by `*.example` on port PORT",
    ],
    ["no host at all", { allow: [[]] }, "host_denied: the host `app.example` is not in `network.allow` on port PORT"],
  ])("connects to nothing on loopback under %s", async (_, limits, wanted) => {
    const server = await serve(says("hello"));
    const url = `http://app.example:${server.port}/`;
    expect(await refusal(createFetchGuard({ limits, resolve: HOME })(url))).toBe(
      wanted.replace("PORT", String(server.port)),
    );
    expect(server.connections()).toBe(0);
    // The control: what does not ask the guard connects.
    await (await globalThis.fetch(`http://127.0.0.1:${server.port}/`)).text();
    expect(server.connections()).toBe(1);
  });

  it("takes a list of addresses for a host that resolves to them", async () => {
    const server = await serve(says("hello"));
    const limits = { allow: [["app.example", "127.0.0.1"], ["127.0.0.0/8"]] };
    const response = await createFetchGuard({ limits, resolve: HOME })(`http://app.example:${server.port}/`);
    expect(await response.text()).toBe("hello");
  });

  it.each([
    ["fails", async () => Promise.reject(new Error("ENOTFOUND")), "cannot be resolved"],
    ["answers nothing", resolver([]).resolve, "resolves to no address"],
    ["answers what is no address", resolver(["127.1"]).resolve, "resolves to no address"],
  ])("refuses a host where DNS %s", async (_, resolve, wanted) => {
    const fetch = createFetchGuard({ limits: undefined, resolve });
    expect(await refusal(fetch("http://app.example/"))).toBe(`host_unresolved: the host \`app.example\` ${wanted}`);
  });

  it("says how to list an address, and never which one it was", async () => {
    const error: unknown = await createFetchGuard({ limits: undefined, resolve: HOME })("http://app.example/").catch(
      (thrown: unknown) => thrown,
    );
    expect(error).toMatchObject({
      help: "list the address, or a range of its kind, in `network.allow` of the policy",
    });
    expect(JSON.stringify(error) + String(error)).not.toContain("127.");
  });

  it("uses no proxy of the environment", async () => {
    const [server, proxy] = [await serve(says("hello")), await serve(says("from the proxy"))];
    const names = ["http_proxy", "HTTP_PROXY", "ALL_PROXY", "NODE_USE_ENV_PROXY"];
    const before = names.map((name) => [name, process.env[name]] as const);
    for (const name of names) process.env[name] = `http://127.0.0.1:${proxy.port}`;
    try {
      const fetch = createFetchGuard({ limits: { allow: [["app.example", "127.0.0.1"]] }, resolve: HOME });
      expect(await (await fetch(`http://app.example:${server.port}/`)).text()).toBe("hello");
      expect(proxy.connections()).toBe(0);
    } finally {
      for (const [name, value] of before) {
        if (value === undefined) delete process.env[name];
        else process.env[name] = value;
      }
    }
  });

  it("names the host, not the address, to a TLS server", async () => {
    const tcp = createTcpServer();
    tcp.listen(0, "127.0.0.1");
    await once(tcp, "listening");
    const hello = once(tcp, "connection").then(async ([socket]: Socket[]) => {
      const [bytes] = (await once(socket as Socket, "data")) as [Buffer];
      socket?.destroy();
      return bytes.toString("latin1");
    });
    const fetch = createFetchGuard({ limits: { allow: [["app.example", "127.0.0.1"]] }, resolve: HOME });
    await expect(fetch(`https://app.example:${(tcp.address() as AddressInfo).port}/`)).rejects.toThrow("fetch failed");
    expect(await hello).toContain("app.example");
    tcp.close();
  });
});

/** What is often written instead: looks the host up, checks that, and leaves the connection to look it up again. */
async function naiveGet(
  url: string,
  resolve: (host: string) => Promise<readonly ResolvedAddress[]>,
  isAllowed: (address: string) => boolean,
): Promise<void> {
  const first = await resolve(new URL(url).hostname);
  if (!first.every(({ address }) => isAllowed(address))) throw new Error("refused");
  await new Promise((done, failed) => {
    const request = get(url, {
      lookup: (host, { all }, answer) => {
        resolve(host).then(([found]) => {
          if (found === undefined) failed(new Error("no address"));
          else if (all === true) answer(null, [{ ...found }]);
          else answer(null, found.address, found.family);
        }, failed);
      },
    });
    request.on("response", (response) => response.resume().on("end", done));
    request.on("error", failed);
  });
}

// Only there is all of 127.0.0.0/8 loopback.
describe.runIf(process.platform === "linux")("a resolver that changes its mind", () => {
  const limits = { allow: [["app.example", "127.0.0.1"]] };

  it("is asked once, and the connection goes to what was checked", async () => {
    const server = await serve(says("public"));
    const inner = await serve(says("private"), "127.0.0.2", server.port);
    const { resolve, asked } = resolver(["127.0.0.1"], ["127.0.0.2"]);
    const url = `http://app.example:${server.port}/`;
    expect(await (await createFetchGuard({ limits, resolve })(url)).text()).toBe("public");
    expect([asked.length, server.connections(), inner.connections()]).toEqual([1, 1, 0]);

    // The control: asked twice, it leads a check of the first answer to the second.
    const again = resolver(["127.0.0.1"], ["127.0.0.2"]);
    await naiveGet(url, again.resolve, (address) => address === "127.0.0.1");
    expect(inner.connections()).toBe(1);
  });

  it("is refused where one answer of several is, whichever comes first", async () => {
    const server = await serve(says("public"));
    const inner = await serve(says("private"), "127.0.0.2", server.port);
    for (const answer of [
      ["127.0.0.1", "127.0.0.2"],
      ["127.0.0.2", "127.0.0.1"],
      ["127.0.0.1", "::ffff:127.0.0.2"],
    ]) {
      const fetch = createFetchGuard({ limits, resolve: resolver(answer).resolve });
      expect(await refusal(fetch(`http://app.example:${server.port}/`))).toBe(NOT_PUBLIC);
    }
    const mixed = createFetchGuard({ limits: undefined, resolve: resolver(["8.8.8.8", "127.0.0.1"]).resolve });
    expect(await refusal(mixed(`http://app.example:${server.port}/`))).toBe(NOT_PUBLIC);
    expect([server.connections(), inner.connections()]).toEqual([0, 0]);
  });

  it("is asked again for each redirect, and held to the answer", async () => {
    const server = await serve(redirects(302, "/next"));
    const inner = await serve(says("private"), "127.0.0.2", server.port);
    const { resolve, asked } = resolver(["127.0.0.1"], ["127.0.0.2"]);
    expect(await refusal(createFetchGuard({ limits, resolve })(`http://app.example:${server.port}/`))).toBe(NOT_PUBLIC);
    expect([asked.length, server.connections(), inner.connections()]).toEqual([2, 1, 0]);
    await server.settled();
  });
});

describe("a redirect", () => {
  const limitsTo = (...ports: number[]) => ({
    allow: [["app.example", "other.example", ...ports.map((port) => `127.0.0.1:${port}`)]],
  });

  it("to a server that is not listed opens no connection to it", async () => {
    const inner = await serve(says("private"));
    const server = await serve(redirects(302, `http://127.0.0.1:${inner.port}/`));
    const fetch = createFetchGuard({ limits: limitsTo(server.port), resolve: HOME });
    expect(await refusal(fetch(`http://app.example:${server.port}/`))).toBe(
      "address_denied: the host `127.0.0.1` is not a public address",
    );
    await server.settled();
    expect([server.connections(), inner.connections()]).toEqual([1, 0]);

    // The control: a fetch that follows by itself arrives.
    expect(await (await globalThis.fetch(`http://127.0.0.1:${server.port}/`)).text()).toBe("private");
    expect(inner.connections()).toBe(1);
  });

  it.each([
    ["http://169.254.169.254/latest/", "address_denied: the host `169.254.169.254` is not a public address"],
    ["//0xa9fea9fe/latest/", "address_denied: the host `169.254.169.254` is not a public address"],
    ["\\\\0xa9fea9fe/latest/", "address_denied: the host `169.254.169.254` is not a public address"],
    ["http://[::ffff:169.254.169.254]/", "address_denied: the host `[::ffff:a9fe:a9fe]` is not a public address"],
    [
      "http://unlisted.example/",
      "address_denied: the host `unlisted.example` resolves to an address that is not public",
    ],
    ["file:///etc/passwd", "url_invalid: the URL must begin with `http://` or `https://` and a host"],
    ["data:text/plain,x", "url_invalid: the URL must begin with `http://` or `https://` and a host"],
    ["http://user:secret@app.example/", "url_invalid: the URL holds a user name or a password"],
    ["http://[zz]/", "url_invalid: the host `app.example` redirects to what is no URL"],
  ])("to %s is refused", async (to, wanted) => {
    const server = await serve(redirects(302, to));
    const fetch = createFetchGuard({
      limits: { allow: [["app.example", `127.0.0.1:${server.port}`, "127.0.0.1:80"]] },
      resolve: resolver(["127.0.0.1"], ["127.0.0.2"]).resolve,
    });
    expect(await refusal(fetch(`http://app.example:${server.port}/`))).toBe(wanted);
    await server.settled();
    expect(server.connections()).toBe(1);
  });

  it("is followed ten times, and not once more", async () => {
    const server = await serve((request, response) => {
      const left = Number(request.url?.slice(1));
      if (left === 0) response.end("arrived");
      else response.writeHead(302, { location: `/${left - 1}` }).end();
    });
    const fetch = createFetchGuard({ limits: limitsTo(server.port), resolve: HOME });
    const response = await fetch(`http://app.example:${server.port}/10`);
    expect([await response.text(), response.url, response.redirected]).toEqual([
      "arrived",
      `http://app.example:${server.port}/0`,
      true,
    ]);
    expect(server.connections()).toBe(11);
    expect(await refusal(fetch(`http://app.example:${server.port}/11`))).toBe(
      "redirects_exceeded: the host `app.example` redirects for the 11th time in a row",
    );
    expect(server.connections()).toBe(22);
    await server.settled();
  });

  it("is answered as it is with `manual`, and is an error with `error`", async () => {
    const server = await serve(redirects(302, "/next"));
    const fetch = createFetchGuard({ limits: limitsTo(server.port), resolve: HOME });
    const url = `http://app.example:${server.port}/`;
    const response = await fetch(url, { redirect: "manual" });
    expect([response.status, response.headers.get("location"), await response.text(), response.url]).toEqual([
      302,
      "/next",
      "elsewhere",
      url,
    ]);
    expect(await refusal(fetch(url, { redirect: "error" }))).toBe(
      "redirects_exceeded: the host `app.example` redirects, and the call follows no redirect",
    );
    expect(server.requests.map((request) => request.url)).toEqual(["/", "/"]);
    await server.settled();
  });

  it("lets go of what comes with it", async () => {
    const inner = await serve(says("arrived"));
    const server = await serve((_, response) => {
      response.writeHead(302, { location: `http://127.0.0.1:${inner.port}/` }).write("endless");
    });
    const fetch = createFetchGuard({ limits: limitsTo(server.port, inner.port), resolve: HOME });
    expect(await (await fetch(`http://127.0.0.1:${server.port}/`)).text()).toBe("arrived");
    expect([await server.settled(), await inner.settled()]).toEqual([1, 1]);
  });

  it("without a place to go is the answer", async () => {
    const server = await serve(redirects(302, undefined));
    const fetch = createFetchGuard({ limits: limitsTo(server.port), resolve: HOME });
    const response = await fetch(`http://app.example:${server.port}/`);
    expect([response.status, await response.text()]).toEqual([302, "elsewhere"]);
  });

  it.each([
    [301, "POST", "GET", ""],
    [302, "POST", "GET", ""],
    [303, "POST", "GET", ""],
    [303, "PUT", "GET", ""],
    [301, "PUT", "PUT", "body"],
    [302, "DELETE", "DELETE", "body"],
    [307, "POST", "POST", "body"],
    [308, "post", "POST", "body"],
  ])("%i turns %s into %s as the standard has it", async (status, method, wanted, body) => {
    const server = await serve((request, response) => {
      if (request.url === "/end") response.end("arrived");
      else response.writeHead(status, { location: "/end" }).end();
    });
    const url = `http://app.example:${server.port}/`;
    const init = { method, body: "body", headers: { authorization: "key", "x-own": "kept" } };
    const response = await createFetchGuard({ limits: limitsTo(server.port), resolve: HOME })(url, init);
    expect(await response.text()).toBe("arrived");
    const [first, second] = server.requests;
    expect(first).toMatchObject({ method: method.toUpperCase(), body: "body" });
    expect(second).toMatchObject({ method: wanted, body, headers: { authorization: "key", "x-own": "kept" } });
    expect(second?.headers["content-type"]).toBe(body === "" ? undefined : "text/plain;charset=UTF-8");

    // The control: the platform's own fetch does the same.
    await (await globalThis.fetch(`http://127.0.0.1:${server.port}/`, init)).text();
    expect(server.requests[3]).toMatchObject({ method: wanted, body });
  });

  it("303 leaves HEAD alone", async () => {
    const server = await serve((request, response) => {
      if (request.url === "/end") response.end();
      else response.writeHead(303, { location: "/end" }).end();
    });
    const fetch = createFetchGuard({ limits: limitsTo(server.port), resolve: HOME });
    const response = await fetch(`http://app.example:${server.port}/`, { method: "HEAD" });
    expect([response.status, response.body]).toEqual([200, null]);
    expect(server.requests.map((request) => request.method)).toEqual(["HEAD", "HEAD"]);
  });

  it.each([
    ["another host", (port: number) => `http://other.example:${port}/end`, undefined],
    ["the same origin", () => "/end", "secret"],
  ])("to %s takes credentials along only where they belong", async (_, to, wanted) => {
    const server = await serve((request, response) => {
      if (request.url === "/end") response.end("arrived");
      else response.writeHead(307, { location: to(server.port) }).end();
    });
    const fetch = createFetchGuard({ limits: limitsTo(server.port), resolve: HOME });
    await fetch(`http://app.example:${server.port}/`, {
      headers: { Authorization: "secret", Cookie: "secret", "Proxy-Authorization": "secret", "X-Own": "kept" },
    });
    const [first, second] = server.requests.map(
      ({ headers }) =>
        [headers.authorization, headers.cookie, headers["proxy-authorization"], headers["x-own"]] as const,
    );
    expect(first).toEqual(["secret", "secret", "secret", "kept"]);
    expect(second).toEqual([wanted, wanted, wanted, "kept"]);
  });

  it("to another port is another origin", async () => {
    const other = await serve(says("arrived"));
    const server = await serve(redirects(302, `http://app.example:${other.port}/`));
    const fetch = createFetchGuard({ limits: limitsTo(server.port, other.port), resolve: HOME });
    await fetch(`http://app.example:${server.port}/`, { headers: [["authorization", "secret"]] });
    expect(other.requests[0]?.headers).not.toHaveProperty("authorization");
  });
});

describe("what a guarded fetch sends and receives", () => {
  const limits = { allow: [["app.example", "127.0.0.1"]] };

  it("sends each kind of body, and the type it has", async () => {
    const server = await serve(says("ok"));
    const fetch = createFetchGuard({ limits, resolve: HOME });
    const form = new FormData();
    form.set("a", "b");
    const bodies: readonly (readonly [NonNullable<GuardedInit["body"]>, string, RegExp | undefined])[] = [
      ["text", "text", /^text\/plain;charset=UTF-8$/],
      [new TextEncoder().encode("bytes"), "bytes", undefined],
      [new URLSearchParams({ a: "b" }), "a=b", /^application\/x-www-form-urlencoded;charset=UTF-8$/],
      [new Blob(["blob"], { type: "text/x" }), "blob", /^text\/x$/],
      [form, 'name="a"', /^multipart\/form-data; boundary=/],
    ];
    for (const [body, wanted, type] of bodies) {
      await (await fetch(`http://app.example:${server.port}/`, { method: "POST", body })).text();
      const sent = server.requests.at(-1);
      expect(sent?.body).toContain(wanted);
      if (type === undefined) expect(sent?.headers["content-type"]).toBeUndefined();
      else expect(sent?.headers["content-type"]).toMatch(type);
    }
  });

  it("hands out a body while it still comes", async () => {
    const next = resolvers();
    const server = await serve(async (_, response) => {
      response.write("one");
      await next.promise;
      response.end("two");
    });
    const response = await createFetchGuard({ limits, resolve: HOME })(`http://app.example:${server.port}/`);
    const chunks: string[] = [];
    for await (const chunk of response.body ?? []) {
      chunks.push(Buffer.from(chunk).toString());
      next.resolve();
    }
    expect(chunks).toEqual(["one", "two"]);
    await server.settled();
  });

  it("hands out all headers, a decoded body, and none where there is none", async () => {
    const server = await serve((request, response) => {
      if (request.url === "/204") response.writeHead(204).end();
      else {
        response.writeHead(200, "Fine", { "content-encoding": "gzip", "set-cookie": ["a=1", "b=2"] });
        response.end(gzipSync("hello"));
      }
    });
    const fetch = createFetchGuard({ limits, resolve: HOME });
    const response = await fetch(`http://app.example:${server.port}/`);
    expect([response.statusText, response.headers.getSetCookie(), await response.text()]).toEqual([
      "Fine",
      ["a=1", "b=2"],
      "hello",
    ]);
    const empty = await fetch(`http://app.example:${server.port}/204`);
    expect([empty.status, empty.body]).toEqual([204, null]);
    expect(server.requests[1]?.headers).not.toHaveProperty("cookie");
    await server.settled();
  });

  // By number: without a lookup in between, undici is quickest to connect again after what it gave up.
  it("leaves no connection behind when a body is not read to its end, or no answer is one", async () => {
    const server = await serve((request, response) => {
      if (request.url === "/cut") {
        response.writeHead(200, { "content-length": "10" });
        response.write("cut", () => response.destroy());
      } else if (request.url === "/999") response.writeHead(999).end("hello");
      else response.writeHead(200).write("endless");
    });
    const fetch = createFetchGuard({ limits, resolve: HOME });
    const url = `http://127.0.0.1:${server.port}`;
    const response = await fetch(url);
    await response.body?.cancel();
    expect(await server.settled()).toBe(1);
    await expect((await fetch(`${url}/cut`)).text()).rejects.toThrow("terminated");
    expect(await server.settled()).toBe(2);
    await expect(fetch(`${url}/999`)).rejects.toThrow(RangeError);
    expect(await server.settled()).toBe(3);
  });

  it("leaves no connection behind for a body that nobody can read any more", async () => {
    const server = await serve((_, response) => void response.end(Buffer.alloc(16_777_216)));
    const { signal } = new AbortController();
    const fetch = createFetchGuard({ limits, resolve: HOME, signal });
    let response: Response | null = await fetch(`http://app.example:${server.port}/`);
    const collect = async (): Promise<void> => {
      collectGarbage();
      await new Promise(setImmediate);
    };
    for (let round = 0; round < 20; round += 1) await collect();
    // The control: somebody still can.
    expect([response.status, server.open()]).toEqual([200, 1]);
    response = null;
    while (server.open() > 0) await collect();
  });

  it("takes a body that comes whole off its connection, also unread", async () => {
    const server = await serve(says("hello"));
    const response = await createFetchGuard({ limits, resolve: HOME })(`http://app.example:${server.port}/`);
    await server.settled();
    expect(await response.text()).toBe("hello");
  });

  it("refuses a `Host` or `Content-Length` of the caller's, options it does not have, and methods that are none", async () => {
    const server = await serve(says("hello"));
    const fetch = createFetchGuard({ limits, resolve: HOME });
    const url = `http://app.example:${server.port}/`;
    for (const headers of [
      { Host: "inner.example" },
      [["HOST", "inner.example"]] as const,
      new Headers({ host: "x" }),
    ]) {
      expect(await refusal(fetch(url, { headers }))).toBe(
        "host_denied: the header `host` cannot be set: it follows from the URL",
      );
    }
    for (const headers of [
      { "Content-Length": "10" },
      [["CONTENT-LENGTH", "4"]] as const,
      new Headers({ "content-length": "0" }),
    ]) {
      await expect(fetch(url, { method: "POST", body: "body", headers })).rejects.toThrow(
        new TypeError("the header `content-length` cannot be set: it is computed from the body"),
      );
    }
    await expect(fetch(url, { dispatcher: {} } as GuardedInit)).rejects.toThrow(
      new TypeError("unknown option `dispatcher` of a guarded fetch"),
    );
    await expect(fetch(url, { header: {} } as GuardedInit)).rejects.toThrow(
      new TypeError("unknown option `header` of a guarded fetch; did you mean `headers`?"),
    );
    await expect(fetch(url, JSON.parse('{"redirect":"yes"}'))).rejects.toThrow(
      new TypeError("the option `redirect` must be `follow`, `error` or `manual`"),
    );
    await expect(fetch(url, { method: "CONNECT" })).rejects.toThrow(TypeError);
    await expect(fetch(url, { body: "a GET has none" })).rejects.toThrow(TypeError);
    expect(server.connections()).toBe(0);
  });
});

describe("a signal", () => {
  const limits = { allow: [["app.example", "127.0.0.1"]] };
  const reason = new Error("enough");

  it.each(["the run's", "the caller's"])(
    "of %s ends the call before, while it resolves, waits and reads",
    async (whose) => {
      const silent = await serve((request, response) => {
        arrived.resolve();
        if (request.url === "/body") response.write("begun");
        if (request.url === "/large") response.write(Buffer.alloc(16_777_216));
        if (request.url === "/large") response.write(Buffer.alloc(16_777_216));
      });
      const url = (host: string): string => `http://${host}:${silent.port}`;
      let arrived = resolvers();
      const begin = (path: string, resolve = HOME, host = "127.0.0.1") => {
        const controller = new AbortController();
        const { signal } = controller;
        const isRun = whose === "the run's";
        const fetch = createFetchGuard({ limits, resolve, ...(isRun ? { signal } : {}) });
        return { controller, call: () => fetch(`${url(host)}${path}`, isRun ? {} : { signal }) };
      };

      const before = begin("/", () => new Promise(() => {}), "app.example");
      before.controller.abort(reason);
      await expect(before.call()).rejects.toBe(reason);

      const asked = resolvers();
      const never = (): Promise<never> => {
        asked.resolve();
        return new Promise(() => {});
      };
      const resolving = begin("/", never, "app.example");
      const unresolved = resolving.call();
      await asked.promise;
      resolving.controller.abort(reason);
      await expect(unresolved).rejects.toBe(reason);
      expect(silent.connections()).toBe(0);

      const waiting = begin("/");
      const unanswered = waiting.call();
      await arrived.promise;
      waiting.controller.abort(reason);
      await expect(unanswered).rejects.toBe(reason);
      await silent.settled();

      arrived = resolvers();
      const reading = begin("/body");
      const response = await reading.call();
      const unread = response.text();
      reading.controller.abort(reason);
      await expect(unread).rejects.toBe(reason);
      await silent.settled();
      expect(silent.connections()).toBe(2);
    },
  );
});

function resolvers(): { readonly promise: Promise<void>; readonly resolve: () => void } {
  let resolve = (): void => {};
  const promise = new Promise<void>((done) => {
    resolve = done;
  });
  return { promise, resolve };
}
