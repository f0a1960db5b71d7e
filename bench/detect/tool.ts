/** Where a tool saw something: in UTF-16 code units, from `start` up to, not including, `end`. */
export interface Find {
  /** What the tool itself calls it. */
  readonly kind: string;
  readonly start: number;
  readonly end: number;
}

/** Something that looks for secrets or personal data in one text. */
export interface Tool {
  readonly name: string;
  readonly find: (text: string) => Promise<readonly Find[]>;
}

/** A tool that others publish. */
export interface Peer extends Tool {
  /** The kinds that its documentation or its rules name; what it finds of others counts all the same. */
  readonly claims: ReadonlySet<string>;
  /** A linter reports lines: somebody will look at them. What redacts has to know the place, from end to end. */
  readonly reports: "lines" | "places";
  /** The kind of ours that a find of its own stands for; undefined when there is none (names of people, dates). */
  readonly ours: (find: Find) => string | undefined;
}
