/** What the parent said when it started this process. */
export function readSetup<Setup>(): Setup {
  return JSON.parse(process.argv[2] ?? "{}") as Setup;
}

/** Answers the parent's requests, each once, until the parent lets go; then `end` runs, and nothing keeps the process. */
export function serve<Request>(answer: (request: Request) => Promise<unknown>, end: () => Promise<void>): void {
  process.on("message", (message) => {
    const { number, request } = message as { readonly number: number; readonly request: Request };
    answer(request).then(
      (value) => process.send?.({ number, value }),
      (error: unknown) => process.send?.({ number, error: textOf(error) }),
    );
  });
  process.once("disconnect", () => {
    end().then(
      () => process.exit(0),
      () => process.exit(1),
    );
  });
  process.send?.("ready");
}

function textOf(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
