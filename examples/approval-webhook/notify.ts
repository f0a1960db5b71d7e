import type { Approvals, GateEvent } from "dispatch-gate";

/** What is posted to the chat. */
export interface Message {
  readonly approvalId: string;
  readonly state: string;
  /** What a person reads: made safe to show by the gate. */
  readonly text: string;
  /** What a vote on exactly this names; null where there is nothing to vote on. */
  readonly view: string | null;
}

/** Tells a chat what happens to requests. */
export interface Notifier {
  /** For the gate's option `onEvent`: only takes note, since the gate waits for it. */
  readonly onEvent: (event: GateEvent) => void;
  /** Resolves when all that was taken note of is posted or given up. */
  readonly idle: () => Promise<void>;
}

/** What may wait to be posted. Beyond it messages are dropped: a chat that is away must not fill the memory. */
const MAX_WAITING = 1_000;
const ATTEMPTS = 3;
const TIMEOUT_MS = 2_000;

/**
 * Posts each transition to a webhook, one after the other. A message says what is asked and never carries anything that
 * decides: people decide where the host knows who they are. It may be lost with the process; the log has every event.
 */
export function createNotifier(url: string, approvals: () => Approvals): Notifier {
  let waiting = 0;
  let last: Promise<void> = Promise.resolve();

  const tell = async (event: GateEvent): Promise<void> => {
    const message = await messageOf(event, approvals());
    for (let attempt = 1; attempt <= ATTEMPTS; attempt += 1) {
      if (await post(url, message)) return;
    }
    console.error(`the chat did not take note of ${event.type}`);
  };

  return {
    onEvent: (event) => {
      if (waiting === MAX_WAITING) return;
      waiting += 1;
      last = last
        .then(() => tell(event))
        .catch((error: unknown) => console.error(error))
        .finally(() => {
          waiting -= 1;
        });
    },
    idle: () => last,
  };
}

async function messageOf({ type, approvalId, state }: GateEvent, approvals: Approvals): Promise<Message> {
  const told = { approvalId, state: state ?? "none" };
  const approval = type === "approval.requested" ? await approvals.get(approvalId) : null;
  if (approval === null) return { ...told, text: `${type}: the request is ${told.state}`, view: null };
  return { ...told, text: approval.text, view: approval.view };
}

async function post(url: string, message: Message): Promise<boolean> {
  try {
    const { ok } = await fetch(url, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(message),
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    return ok;
  } catch {
    return false;
  }
}
