/** Whether a run is to stop, and why: because its caller gave up, or somebody who may stop it did. */
export interface Stopping {
  /** Null while it goes on. */
  readonly stopped: () => { readonly reason: unknown } | null;
  /** Calls back once, when it is to stop; at once where it is already. Answers what lets go of the listener. */
  readonly onStop: (listener: (reason: unknown) => void) => () => void;
  /** Stops it. The first reason counts. */
  readonly stop: (reason: unknown) => void;
}

/**
 * Joins the caller's signal, where there is one, with a stop of the gate's own. A signal of the host may outlive thousands of
 * runs: it is listened to only while somebody listens here.
 */
export function createStopping(outer: AbortSignal | undefined): Stopping {
  const listeners = new Set<(reason: unknown) => void>();
  let own: { readonly reason: unknown } | null = null;

  const stop = (reason: unknown): void => {
    own ??= { reason };
    const told = [...listeners];
    listeners.clear();
    outer?.removeEventListener("abort", passOn);
    for (const listener of told) listener(own.reason);
  };

  const passOn = (): void => stop(outer?.reason);

  const stopped = (): { readonly reason: unknown } | null => {
    if (own === null && outer?.aborted === true) own = { reason: outer.reason };
    return own;
  };

  return {
    stopped,
    stop,
    onStop: (listener) => {
      const before = stopped();
      if (before !== null) {
        listener(before.reason);
        return () => undefined;
      }
      if (listeners.size === 0) outer?.addEventListener("abort", passOn, { once: true });
      listeners.add(listener);
      return () => {
        if (listeners.delete(listener) && listeners.size === 0) outer?.removeEventListener("abort", passOn);
      };
    },
  };
}
