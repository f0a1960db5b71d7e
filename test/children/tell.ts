/** Tells the parent something, over the channel that `fork` opened. */
export function tell(message: unknown): void {
  process.send?.(message);
}

/** Calls back for each message of the parent. */
export function onMessage(listen: (message: unknown) => void): void {
  process.on("message", listen);
}
