/** How long a step that records what has happened already may wait for the store, in milliseconds. */
export const SETTLE_WAIT_MS = 10_000;
