export { type StoreContractCase, storeContract } from "./store/contract.js";
export { createMemoryStore } from "./store/memory.js";
export type {
  Change,
  ChangeAnswer,
  ClaimAnswer,
  ClaimRequest,
  PageAnswer,
  PageQuery,
  Query,
  QueryAnswer,
  RecoverAnswer,
  RecoverRequest,
  SettleAnswer,
  SettleRequest,
  Store,
  VoteAnswer,
  VoteRequest,
} from "./store/port.js";
export { createFakeClock, type FakeClock } from "./testing/clock.js";
export { type ExpectedOutcome, expectOutcome } from "./testing/expect-outcome.js";
