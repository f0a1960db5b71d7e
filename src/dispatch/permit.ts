declare const permitted: unique symbol;

/** Handed to a dispatch function as proof that this attempt was claimed. Only the gate makes one. */
export interface Permit {
  readonly [permitted]: true;
  readonly jobId: string;
  readonly tenantId: string;
  /** SHA-256 of the job's canonical bytes, lower-case hex. */
  readonly jobHash: string;
  /** SHA-256 of the policy the claim was made under, lower-case hex. */
  readonly snapshot: string;
  readonly dispatcher: string;
  /** 1 for the first. Each attempt has a permit of its own. */
  readonly attempt: number;
}

/** Makes the permit of one attempt of a claimed job. */
export function issuePermit(claim: Omit<Permit, typeof permitted>): Permit {
  return Object.freeze({ ...claim }) as Permit;
}
