import { isIP, isIPv4 } from "node:net";
import { resolve } from "node:path";
import { quoted } from "../policy/source.js";
import { type Arguments, readArguments, wordsOf } from "./arguments.js";
import { CannotRun, EXIT, type Io, printJson } from "./io.js";
import { readPolicy } from "./open-policy.js";
import { count, inked, type Line, printLines } from "./print.js";
import { storeOf } from "./read-store.js";
import type { Service } from "./serve/service.js";
import type { Who } from "./serve/who.js";

export const SERVE_HELP = `usage: dispatch-gate serve --policy FILE [options]

Serves a gate over HTTP on this machine until it is interrupted: jobs, the queue of approvals, traces. For trying it out, and for
agents that are no Node programs.

  --policy FILE    the policy
  --store FILE     the gate's SQLite file, ./dispatch-gate.db where none is given; made where there is none
  --dispatch FILE  a module whose default export acts: (job, context) => output. Without one jobs are recorded, and nothing runs
  --tokens FILE    who may ask, by bearer tokens; see docs/serve.md
  --port PORT      8081 where none is given; 0 for any that is free
  --address IP     where it listens, 127.0.0.1 where nothing is said; any but this machine's own needs --tokens
  --names A,B      names that it goes by besides, as in a Host header: behind a proxy, gate.example.com
  --json           what it says at its start as one JSON document

Without --tokens submitters are anonymous and whoever reaches it decides as this system's user: such votes rest on nothing (assurance
none), so no rule is satisfied by them that asks for a token, for roles, or for more than one approver.

  dispatch-gate serve --policy policy.yaml --store gate.db --dispatch ./act.mjs
  curl -sS "http://localhost:8081/api/v1/approvals?include_resolved=false"

Exit: 0 interrupted and closed, 2 could not run.`;

/** What it takes. */
export const SERVE_SHAPE = {
  options: {
    policy: "text",
    store: "text",
    dispatch: "text",
    tokens: "text",
    port: "text",
    address: "text",
    names: "text",
  },
  operands: { least: 0, most: 0, name: "" },
} as const;

/** Serves a gate until somebody interrupts it. */
export async function serve(args: readonly string[], io: Io): Promise<number> {
  const given = readArguments(args, SERVE_SHAPE);
  const file = given.text("policy");
  if (file === undefined) {
    throw new CannotRun("option_missing", "`--policy` is missing", "`dispatch-gate init` writes one");
  }
  const [port, address] = [portOf(given), addressOf(given)];
  const policy = await readPolicy(io, file);
  // Of use here alone: the other commands start without a server.
  const [{ openService }, { anybody, byToken }, { readTokens }, { loadDispatch }] = await Promise.all([
    import("./serve/service.js"),
    import("./serve/who.js"),
    import("./serve/tokens.js"),
    import("./serve/dispatch-module.js"),
  ]);
  const tokens = given.text("tokens");
  const known = tokens === undefined ? null : await readTokens(io, tokens);
  const who = known === null ? anybody() : byToken(known);
  const dispatch = given.text("dispatch");
  const module = dispatch === undefined ? null : await loadDispatch(io, dispatch);
  const store = storeOf(given);
  const interrupted = io.interrupted();
  const service = await openService({
    ...{ policy, module, who, address, port },
    store: resolve(io.cwd, store),
    names: wordsOf(given, "names").map((name) => name.toLowerCase()),
  });
  const told: Told = { service, who, tokens: known?.size ?? null, file, store, dispatch: dispatch ?? null };
  if (given.has("json")) printJson(io, documentOf(told));
  else printLines(io.stdout, io.env, linesOf(told));
  await interrupted;
  if (!given.has("json")) printLines(io.stdout, io.env, [["closing: no job is taken any more"]]);
  await service.close();
  return EXIT.fine;
}

function portOf(given: Arguments): number {
  const text = given.text("port") ?? "8081";
  const port = /^\d{1,5}$/.test(text) ? Number(text) : Number.NaN;
  if (port <= 65_535) return port;
  throw new CannotRun("value_invalid", "`--port` is a number from 0 to 65535");
}

/** Whoever is not on this machine must say who they are. */
function addressOf(given: Arguments): string {
  const address = given.text("address") ?? "127.0.0.1";
  if (isIP(address) === 0) throw new CannotRun("value_invalid", "`--address` is an IP address", "as 127.0.0.1, or ::1");
  if (!given.has("tokens") && !(isIPv4(address) && address.startsWith("127.")) && address !== "::1") {
    const help = "name who may ask with `--tokens`";
    throw new CannotRun("tokens_missing", `nobody is asked who they are, and ${quoted(address)} is not local`, help);
  }
  return address;
}

/** What it says at its start. */
interface Told {
  readonly service: Service;
  readonly who: Who;
  readonly tokens: number | null;
  readonly file: string;
  readonly store: string;
  readonly dispatch: string | null;
}

const UNAUTHENTICATED = "votes are not authenticated (assurance none)";

function linesOf({ service, who, tokens, file, store, dispatch }: Told): readonly Line[] {
  const { everybody } = who;
  return [
    [inked("strong", "dispatch-gate"), " serves ", inked("note", service.url)],
    [`  policy    ${file} (${service.gate.policy.snapshot})`],
    [`  store     ${store}`],
    dispatch === null
      ? ["  dispatch  ", inked("wait", "nothing runs: jobs are recorded"), " (no --dispatch)"]
      : [`  dispatch  ${dispatch}`],
    everybody === null
      ? [`  who       ${count(tokens ?? 0, "bearer token")}`]
      : ["  who       ", inked("wait", UNAUTHENTICATED), `: whoever reaches this address decides as ${everybody}`],
  ];
}

function documentOf({ service, who, tokens, file, store, dispatch }: Told): Parameters<typeof printJson>[1] {
  return {
    ...{ command: "serve", ok: true, url: service.url, policy: file, snapshot: service.gate.policy.snapshot, store },
    dispatch,
    recorded_only: dispatch === null,
    tokens,
    ...(who.everybody === null ? {} : { everybody: who.everybody, assurance: "none", note: UNAUTHENTICATED }),
  };
}
