import type { Finder } from "../hit.js";
import { ASSIGNMENTS } from "./assignments.js";
import { CONNECTION_STRINGS } from "./connection-strings.js";
import { EMAILS } from "./emails.js";
import { IBANS } from "./ibans.js";
import { PAYMENT_CARDS } from "./payment-cards.js";
import { PHONES } from "./phones.js";
import { PRIVATE_KEYS } from "./private-keys.js";
import { SERVICE_TOKENS } from "./tokens.js";

/** What a policy may name in `detect`, and how it is found. */
export const SETS: ReadonlyMap<string, readonly Finder[]> = new Map([
  ["secrets", [PRIVATE_KEYS, SERVICE_TOKENS, CONNECTION_STRINGS, ASSIGNMENTS]],
  ["pii", [EMAILS, PHONES, PAYMENT_CARDS, IBANS]],
]);
