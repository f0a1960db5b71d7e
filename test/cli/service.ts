import { spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import type { JsonObject } from "../../src/outcome.js";
import { afterwards } from "../endings.js";

const ENTRY = fileURLToPath(new URL("../../dist/cli.js", import.meta.url));

/** What a service answered. */
interface Answer {
  readonly status: number;
  readonly body: JsonObject;
}

/** A request: its body makes it a `POST`. */
interface Ask {
  readonly token?: string;
  readonly body?: object;
  readonly headers?: Readonly<Record<string, string>>;
}

/** `dispatch-gate serve` in a process of its own. */
export interface Service {
  readonly url: string;
  /** What it said at its start. */
  readonly said: JsonObject;
  readonly ask: (path: string, ask?: Ask) => Promise<Answer>;
  /** Asks again until the answer is what is waited for. */
  readonly until: (path: string, holds: (body: JsonObject) => boolean, ask?: Ask) => Promise<JsonObject>;
  /** Ends it by a signal: its exit code, and what it wrote to standard error. */
  readonly stop: (signal?: NodeJS.Signals) => Promise<{ readonly code: number | null; readonly err: string }>;
}

/** Starts the built command, on any free port where none is named, and waits until it listens. */
export async function startService(cwd: string, ...args: readonly string[]): Promise<Service> {
  const port = args.includes("--port") ? [] : ["--port", "0"];
  const child = spawn(process.execPath, [ENTRY, "serve", "--json", ...port, ...args], { cwd });
  const exited = once(child, "exit").then(([code]) => code as number | null);
  afterwards(async () => {
    child.kill("SIGKILL");
    await exited;
  });
  let [out, err] = ["", ""];
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    err += text;
  });
  const said = await new Promise<JsonObject>((resolve, reject) => {
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      out += text;
      if (out.endsWith("\n}\n")) resolve(JSON.parse(out) as JsonObject);
    });
    void exited.then((code) => reject(new Error(`ended with ${code}: ${out}${err}`)));
  });
  const url = String(said.url);
  const ask = async (path: string, { token, body, headers = {} }: Ask = {}): Promise<Answer> => {
    const all = {
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      ...(body === undefined ? {} : { "content-type": "application/json" }),
      ...headers,
    };
    const made = body === undefined ? { headers: all } : { method: "POST", body: JSON.stringify(body), headers: all };
    const response = await fetch(url + path, made);
    return { status: response.status, body: (await response.json()) as JsonObject };
  };
  return {
    ...{ url, said, ask },
    until: async (path, holds, given) => {
      for (;;) {
        const { body } = await ask(path, given);
        if (holds(body)) return body;
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    },
    stop: async (signal = "SIGINT") => {
      child.kill(signal);
      const code = await exited;
      return { code, err };
    },
  };
}
