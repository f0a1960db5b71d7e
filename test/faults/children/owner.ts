import { createGate } from "dispatch-gate";
import { readSetup, serve } from "./serve.js";

/** What the parent asks of a process that owns claims. */
export type OwnerRequest =
  /** Starts a job that runs until `finish`; answered once its function was called. */
  | { readonly do: "start"; readonly id: string }
  /** Lets it end; answers its status. */
  | { readonly do: "finish" }
  /** Ends the claims of dead owners; answers how many. */
  | { readonly do: "recover" };

const { store, policy } = readSetup<{ readonly store: string; readonly policy: string }>();
let called = (): void => undefined;
let finish = (): void => undefined;
const finished = new Promise<void>((resolve) => {
  finish = resolve;
});
const gate = await createGate({
  policy: { yaml: policy },
  store,
  dispatch: () => {
    called();
    return finished;
  },
});
let running: Promise<string> | null = null;

async function answer(request: OwnerRequest): Promise<unknown> {
  switch (request.do) {
    case "start": {
      const begun = new Promise<void>((resolve) => {
        called = resolve;
      });
      running = gate.evaluateAndDispatch({ id: request.id, topic: "job.a" }).then(({ status }) => status);
      return begun;
    }
    case "finish":
      finish();
      return running;
    case "recover":
      return gate.recover();
  }
}

serve(answer, async () => {
  finish();
  await gate.close();
});
