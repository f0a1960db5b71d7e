import { sealEvent } from "../evidence/event.js";
import type { Change, ChangeAnswer } from "./port.js";
import type { ActivePolicy, Judgement, PolicyHead, Write } from "./rows.js";

/** Decides one change of state that is neither claim, settle nor vote. */
export function judgeChange(change: Change, active: PolicyHead | null): Judgement<ChangeAnswer> {
  const { now } = change;
  switch (change.kind) {
    case "open":
      return done(active, [
        { to: "owners", row: change.owner },
        { to: "events", event: sealEvent("gate.opened", now, change.facts) },
      ]);
    case "renew":
      return done(active, [{ to: "owners", row: change.owner }]);
    case "leave":
      return done(active, [
        { to: "owners_gone", id: change.owner },
        { to: "events", event: sealEvent("gate.closed", now, change.facts) },
      ]);
    case "activate":
      return activate(change, active);
    case "note":
      return done(active, [{ to: "events", event: sealEvent(change.type, now, change.facts) }]);
    case "retry":
      if (active?.epoch !== change.epoch) return { answer: { status: "policy_changed" }, writes: [] };
      return done(active, [{ to: "events", event: change.event }]);
  }
}

function activate(change: Extract<Change, { kind: "activate" }>, active: PolicyHead | null): Judgement<ChangeAnswer> {
  // Opening a second gate on the same policy changes nothing for anybody.
  if (active !== null && active.snapshot === change.snapshot) return done(active, []);
  const { snapshot, document, now } = change;
  const row: ActivePolicy = { epoch: (active?.epoch ?? 0) + 1, snapshot, document };
  const facts = { ...change.facts, epoch: row.epoch, snapshot, before: active?.snapshot ?? null };
  return done(row, [
    { to: "policies", row, at: now },
    { to: "events", event: sealEvent("policy.activated", now, facts) },
  ]);
}

function done(active: PolicyHead | null, writes: readonly Write[]): Judgement<ChangeAnswer> {
  return { answer: { status: "done", active }, writes };
}
