import { setTimeout as sleep } from "node:timers/promises";
import { createBounds } from "./clock-bounds.js";
import { type Draws, drawsOf } from "./random.js";

/** What is held to: the gate, or something naive in its place. Times are milliseconds. */
export interface ClockSubject {
  readonly open: () => Promise<void>;
  /** Ends as a process does that is told to. */
  readonly close: () => Promise<void>;
  /** Opens a request for approval; answers when it lapses. */
  readonly ask: (id: string) => Promise<number>;
  /** How the request of a job stands. */
  readonly look: (id: string) => Promise<{ readonly state: string }>;
  /** Votes for it: `"approved"` and when it lapses then, or the code of the refusal. */
  readonly approve: (id: string) => Promise<{ readonly said: string; readonly expiresAt: number }>;
  /** Runs it if it may: `"ran"`, or why not. */
  readonly resume: (id: string) => Promise<string>;
  /** One more under the rate limit: how it was answered, and when by the monotonic clock its function was called. */
  readonly hit: () => Promise<{ readonly status: string; readonly at: number; readonly retryAfterMs: number }>;
  /** The log so far: the time of each event, and the jumps that it tells of since the gate was opened; null: it tells of none. */
  readonly log: () => Promise<{ readonly times: readonly number[]; readonly jumps: readonly number[] | null }>;
}

/** What a script is drawn with. */
export interface ClockTerms {
  readonly expiresMs: number;
  readonly useWithinMs: number;
  readonly limit: number;
  readonly windowMs: number;
}

/** What a script comes to. */
export interface ClockFigures {
  readonly steps: number;
  readonly jumps: number;
  readonly lapsed: number;
  readonly ran: number;
  readonly passed: number;
  readonly throttled: number;
}

/** The terms of the script with this number. */
export function termsOf(seed: number, number: number): ClockTerms {
  const draws = drawsOf(seed + 1, number);
  return {
    expiresMs: 1_000 * draws.pick([60, 600, 7_200, 172_800]),
    useWithinMs: 1_000 * draws.pick([60, 1_800, 86_400]),
    limit: 1 + draws.below(3),
    windowMs: draws.pick([100, 200, 400]),
  };
}

/** Every eighth waits until the gate's own beat has told of a jump; the others leave that to its end. */
export const isPatient = (number: number): boolean => number % 8 === 0;

/** Whole milliseconds are told, of clocks that tell more. */
const ROUNDING_MS = 2;

/** By how much what is told of jumps may be off: each is measured by two clocks that are read one after the other. */
const TELLING_MS = 50;

const MINUTE = 60;
const DAY = 86_400;

/** Runs one script. Throws an `Error` that says what does not hold. `setOffset` sets the system's clock, in seconds off the true time. */
export async function runClockScript(
  asked: { readonly seed: number; readonly number: number },
  subject: ClockSubject,
  setOffset: (seconds: number) => void,
): Promise<ClockFigures> {
  const { seed, number } = asked;
  const draws = drawsOf(seed, number);
  const terms = termsOf(seed, number);
  const story: string[] = [];
  const figures = { steps: 0, jumps: 0, lapsed: 0, ran: 0, passed: 0, throttled: 0 };
  const fail = (what: string): never => {
    throw new Error(`${what}; after ${story.join(", ")}; terms ${JSON.stringify(terms)}`);
  };

  const bounds = createBounds();
  let offset = 0;
  let openedAt = 0;
  let seenAt = 0;
  let seen = 0;
  const jump = (seconds: number): void => {
    bounds.end();
    offset = seconds;
    setOffset(seconds);
    figures.jumps += 1;
  };
  /** One call, and between what the gate's time was in it. */
  const step = async <T>(name: string, call: () => Promise<T>): Promise<Stepped<T>> => {
    story.push(name);
    const from = bounds.begin();
    const answer = await call();
    const to = bounds.end();
    if (offset !== seenAt) seen += 1;
    seenAt = offset;
    return { answer, from, to };
  };

  const open = async (): Promise<void> => {
    await step("open", subject.open);
    bounds.reopen((await subject.log()).times.at(-1) ?? 0);
    [openedAt, seenAt, seen] = [offset, offset, 0];
  };

  const close = async (): Promise<void> => {
    await step("close", subject.close);
    const { times, jumps } = await subject.log();
    const back = times.findIndex((at, n) => at < (times[n - 1] ?? 0));
    if (back > 0) fail(`the time of event ${back + 1} is ${times[back]}, after ${times[back - 1]}`);
    if (!isTold(jumps, offset - openedAt, seen)) {
      fail(`the log tells of jumps by [${jumps}] ms, and there were ${seen}, by ${offset - openedAt} s in all`);
    }
  };

  const requests: Request[] = [];
  const mustBeLive = ({ id, expiresAt, over }: Request, from: number, did: string): void => {
    if (over) fail(`${did} ${id}, which had lapsed`);
    if (expiresAt <= from - ROUNDING_MS) fail(`${did} ${id}, ${from - expiresAt} ms after it lapsed`);
  };
  const lapse = (request: Request, to: number): void => {
    if (!request.over) figures.lapsed += 1;
    if (request.expiresAt > to + ROUNDING_MS) fail(`${request.id} lapsed ${request.expiresAt - to} ms early`);
    request.over = true;
  };

  const ask = async (): Promise<void> => {
    const id = `${number}-${requests.length}`;
    const { answer: expiresAt, from, to } = await step(`ask ${id}`, () => subject.ask(id));
    requests.push({ id, expiresAt, approved: false, over: false, ran: false });
    const [first, last] = [from + terms.expiresMs - ROUNDING_MS, to + terms.expiresMs + ROUNDING_MS];
    if (expiresAt < first || expiresAt > last) fail(`${id} lapses ${expiresAt - from} ms after it was asked`);
  };

  const look = async (request: Request): Promise<void> => {
    const { answer, from, to } = await step(`look ${request.id}`, () => subject.look(request.id));
    if (answer.state === "expired") lapse(request, to);
    if (answer.state === "pending" || answer.state === "approved") mustBeLive(request, from, `${answer.state} is`);
  };

  const approve = async (request: Request): Promise<void> => {
    const { answer, from, to } = await step(`approve ${request.id}`, () => subject.approve(request.id));
    if (answer.said === "approval_expired") lapse(request, to);
    if (answer.said !== "approved") return;
    mustBeLive(request, from, "a vote counted on");
    request.approved = true;
    request.expiresAt = answer.expiresAt;
  };

  const resume = async (request: Request): Promise<void> => {
    const { answer, from, to } = await step(`resume ${request.id}`, () => subject.resume(request.id));
    if (answer === "approval_expired") lapse(request, to);
    if (answer !== "ran") return;
    mustBeLive(request, from, "the gate ran");
    if (!request.approved || request.ran) fail(`${request.id} ran, and may not`);
    request.ran = true;
    figures.ran += 1;
  };

  const hits: { readonly from: number; readonly to: number }[] = [];
  const hit = async (): Promise<void> => {
    const { limit, windowMs } = terms;
    const from = performance.now();
    const { answer } = await step("hit", subject.hit);
    const nth = hits.at(-limit);
    const isFull = nth !== undefined && hits.length >= limit;
    if (answer.status === "passed") {
      if (isFull && answer.at - nth.from < windowMs - ROUNDING_MS)
        fail(`the window opened after ${answer.at - nth.from} ms`);
      hits.push({ from, to: answer.at });
      figures.passed += 1;
      return;
    }
    figures.throttled += 1;
    if (!isFull) return fail("the window was shut before it was full");
    if (from - nth.to > windowMs + ROUNDING_MS) fail(`the window was still shut after ${from - nth.to} ms`);
    if (answer.retryAfterMs > windowMs + ROUNDING_MS) fail(`one was told to wait for ${answer.retryAfterMs} ms`);
  };

  await open();
  await ask();
  const steps = 16 + draws.below(12);
  for (; figures.steps < steps; figures.steps += 1) {
    const drawn = draws.below(20);
    if (drawn < 5) {
      const seconds = drawOffset(draws, offset);
      story.push(`jump to ${seconds} s`);
      jump(seconds);
    } else if (drawn < 7) await ask();
    else if (drawn < 12) await draws.pick([look, approve, resume])(draws.pick(requests));
    else if (drawn < 16) await hit();
    else if (drawn < 19) await sleep(draws.below(terms.windowMs));
    else if (!isPatient(number)) {
      await close();
      await open();
    }
  }
  // All that lapsed once is asked for once more.
  for (const request of requests) for (const call of [look, approve, resume]) await call(request);
  if (isPatient(number)) await untilTold(subject, offset - openedAt, seen);
  await close();
  setOffset(0);
  return figures;
}

interface Stepped<T> {
  readonly answer: T;
  readonly from: number;
  readonly to: number;
}

/** A request as the script knows it. */
interface Request {
  readonly id: string;
  expiresAt: number;
  approved: boolean;
  /** It was seen to have lapsed. */
  over: boolean;
  ran: boolean;
}

/** What was told of jumps of a gate's life, where `seconds` is what they come to, and `seen` of them were there to be seen. */
function isTold(jumps: readonly number[] | null, seconds: number, seen: number): boolean {
  if (jumps === null) return true;
  const told = jumps.reduce((sum, each) => sum + each, 0);
  return Math.abs(told - seconds * 1_000) <= TELLING_MS && (seen === 0 || jumps.length > 0);
}

/** There and back again, or anywhere within some days. */
function drawOffset(draws: Draws, offset: number): number {
  const drawn = draws.below(8);
  if (drawn === 0) return 0;
  const seconds = MINUTE + draws.below(drawn < 5 ? 3 * 3_600 : 3 * DAY);
  return draws.below(2) === 0 ? offset + seconds : offset - seconds;
}

/** How long the gate's beat may take, in milliseconds, on a machine that has other things to do. */
const BEAT_WAIT_MS = 20_000;

/** Waits until the gate has told of its own accord that the clock was set. */
async function untilTold(subject: ClockSubject, seconds: number, seen: number): Promise<void> {
  const until = performance.now() + BEAT_WAIT_MS;
  while (performance.now() < until) {
    if (isTold((await subject.log()).jumps, seconds, seen)) return;
    await sleep(50);
  }
  throw new Error(`a jump of the clock was not told within ${BEAT_WAIT_MS} ms`);
}
