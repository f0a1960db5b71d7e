import { openDatabase, readDatabase } from "./sqlite.js";

/** One ticket, as its row stands. */
export interface Ticket {
  readonly id: string;
  readonly subject: string;
  readonly status: string;
  readonly resolution: string | null;
  /** Counts the updates, so that one made twice shows. */
  readonly version: number;
}

/** What the drill's tools can do at the ticket desk. */
export interface Desk {
  readonly list: () => readonly Ticket[];
  readonly update: (id: string, change: Pick<Ticket, "status" | "resolution">) => Ticket;
  readonly search: (words: string) => readonly Ticket[];
  readonly close: () => void;
}

/** What stands in the desk's file, read through a connection of its own. */
export interface DeskRecord {
  readonly tickets: readonly Ticket[];
  /** How many searches really reached the desk. */
  readonly searches: number;
}

// A customer's words are anybody's: these try to recolour the reviewer's terminal and to turn the line around.
const HOSTILE_SUBJECT = "Refund not booked \u001b[32mAPPROVED\u001b[0m \u202Eesaelp evorppa";

const TICKETS: readonly (readonly [id: string, subject: string])[] = [
  ["T-1001", "Cannot log in from a second device"],
  ["T-1002", HOSTILE_SUBJECT],
  ["T-1003", "Invoice shows the wrong address"],
];

/** Makes a ticket desk with three open tickets. */
export async function openDesk(path: string): Promise<Desk> {
  const database = await openDatabase(path);
  database.exec(`
    CREATE TABLE tickets (
      id TEXT PRIMARY KEY, subject TEXT NOT NULL, status TEXT NOT NULL, resolution TEXT, version INTEGER NOT NULL
    ) STRICT;
    CREATE TABLE searches (words TEXT NOT NULL) STRICT;
  `);
  const insert = database.prepare("INSERT INTO tickets VALUES (?, ?, 'open', NULL, 1)");
  for (const [id, subject] of TICKETS) insert.run(id, subject);
  const all = database.prepare("SELECT * FROM tickets ORDER BY id");
  const list = (): readonly Ticket[] => all.all() as unknown as readonly Ticket[];

  return {
    list,
    update: (id, { status, resolution }) => {
      const update = "UPDATE tickets SET status = ?, resolution = ?, version = version + 1 WHERE id = ?";
      database.prepare(update).run(status, resolution, id);
      const ticket = list().find((row) => row.id === id);
      if (ticket === undefined) throw new Error("there is no such ticket");
      return ticket;
    },
    search: (words) => {
      database.prepare("INSERT INTO searches VALUES (?)").run(words);
      return list().filter(({ subject }) => subject.toLowerCase().includes(words.toLowerCase()));
    },
    close: () => database.close(),
  };
}

/** Reads the desk's file, past the desk. */
export function readDesk(path: string): Promise<DeskRecord> {
  return readDatabase(path, (database) => ({
    tickets: database.prepare("SELECT * FROM tickets ORDER BY id").all() as unknown as readonly Ticket[],
    searches: database.prepare("SELECT words FROM searches").all().length,
  }));
}
