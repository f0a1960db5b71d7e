import { type Connection, loadDriver, type Statement } from "../../../src/store/sqlite/driver.js";

/** What is done to the driver before the gate loads it. */
export interface DriverChanges {
  /** Is told of every call that SQLite refused: its code, and the statement's first word. */
  readonly onRefused: (code: string, word: string) => void;
  /** Control: commits that are not written through before they are acknowledged. */
  readonly relaxed: boolean;
}

/** Puts itself between the gate and the driver, in this process alone. */
export async function changeDriver({ onRefused, relaxed }: DriverChanges): Promise<void> {
  const { prototype } = (await loadDriver()) as unknown as { readonly prototype: Connection };
  const { prepare, exec } = prototype;

  const watched =
    <Arguments extends readonly unknown[], Answer>(word: string, call: (...values: Arguments) => Answer) =>
    (...values: Arguments): Answer => {
      try {
        return call(...values);
      } catch (error) {
        onRefused(String((error as { readonly code?: unknown }).code ?? error), word);
        throw error;
      }
    };

  prototype.prepare = function (this: Connection, sql: string): Statement {
    // The gate has set its pragmas and has read them back by the time it prepares this.
    if (relaxed && sql === "COMMIT") exec.call(this, "PRAGMA synchronous = NORMAL");
    const word = wordOf(sql);
    const statement = watched(word, () => prepare.call(this, sql))();
    const { run, get, all } = statement;
    return Object.defineProperties(statement, {
      run: { value: watched(word, run.bind(statement)) },
      get: { value: watched(word, get.bind(statement)) },
      all: { value: watched(word, all.bind(statement)) },
    });
  };
  prototype.exec = function (this: Connection, sql: string): unknown {
    return watched(wordOf(sql), () => exec.call(this, sql))();
  };
}

function wordOf(sql: string): string {
  const [first = "", second = ""] = sql.trim().split(/[\s(=;]+/);
  return first.toUpperCase() === "PRAGMA" ? `PRAGMA ${second}` : first.toUpperCase();
}
