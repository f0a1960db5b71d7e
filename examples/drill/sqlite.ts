/** As much of better-sqlite3 as the drill uses. */
export interface Database {
  prepare(sql: string): {
    run(...values: readonly (string | number | null)[]): { readonly changes: number };
    all(...values: readonly (string | number | null)[]): readonly Readonly<Record<string, unknown>>[];
  };
  exec(sql: string): unknown;
  close(): unknown;
}

type Open = new (path: string, options?: { readonly readonly?: boolean }) => Database;

/** Opens a database to write in; makes the file when there is none. */
export async function openDatabase(path: string): Promise<Database> {
  const Driver = await loadDriver();
  return new Driver(path);
}

/** Reads once through a connection of its own, so that what is answered is what stands in the file. */
export async function readDatabase<Answer>(path: string, read: (database: Database) => Answer): Promise<Answer> {
  const Driver = await loadDriver();
  const database = new Driver(path, { readonly: true });
  try {
    return read(database);
  } finally {
    database.close();
  }
}

async function loadDriver(): Promise<Open> {
  // The package has no type declarations; the cast to `string` keeps the compiler from looking for them.
  const loaded = (await import("better-sqlite3" as string)) as { readonly default: Open };
  return loaded.default;
}
