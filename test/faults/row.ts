/**
 * One row of the battery: one kind of fault, many cases of it. A case is drawn from the seed and its number alone, so that each
 * can be run again by itself, and a run can go on where another stopped.
 */
export interface FaultRow {
  /** Kebab case; names the row on the command line. */
  readonly name: string;
  /** A sentence: what holds whatever happens. */
  readonly title: string;
  /** What is counted, in the plural: `kills`. */
  readonly unit: string;
  /** How many cases there are to be in all; a function where that is counted first. */
  readonly full: number | (() => Promise<number>);
  /** How many of them run in `npm test`. */
  readonly short: number;
  /** How many cases hang together, and are one batch where nobody says otherwise. Default: a hundredth of all. */
  readonly batch?: number;
  /** What is missing here that the row cannot do without: then it is skipped, and says why. Null: nothing is. */
  readonly missing: () => Promise<string | null> | string | null;
  /** True where a case comes out the same each time: then one that did not hold and was mended is run again, and the row goes on. */
  readonly exact?: boolean;
  /** Runs the cases of a batch. MUST throw a {@link FaultFound} at the first that does not hold. */
  readonly run: (batch: Batch) => Promise<Tally>;
  /** What the control is: the naive thing that is done in place of the right one. */
  readonly control: string;
  /**
   * The same faults on a naive version of the same thing, which MUST break. Resolves with what broke, and rejects where nothing
   * did: then the row would find nothing either. As few cases as break it for certain.
   */
  readonly runControl: (batch: Batch) => Promise<string>;
}

/** Cases from `from` (included) to `to` (not). */
export interface Batch {
  readonly seed: number;
  readonly from: number;
  readonly to: number;
  /** An empty folder of this batch, removed after it. */
  readonly scratch: string;
}

/** Figures that are added up over all batches, by name. */
export type Tally = Readonly<Record<string, number>>;

/** A case that did not hold: the battery stops, and says how it is run again. */
export class FaultFound extends Error {
  override readonly name = "FaultFound";

  constructor(
    /** The number of the case. */
    readonly number: number,
    message: string,
  ) {
    super(message);
  }
}
