import { type Admission, readmit } from "../job/admit.js";
import type { JsonObject } from "../outcome.js";
import type { VaultKind } from "../store/rows.js";

/** What came of reading a job back. */
export type ReadBack =
  | { readonly ok: true; readonly admission: Admission }
  | { readonly ok: false; readonly message: string };

/** Reads a job back from the very bytes that were hashed. Bytes that do not give that hash are of no use to anybody. */
export function readBack(
  vault: ReadonlyMap<VaultKind, string>,
  stored: { readonly id: string; readonly traceId: string; readonly hash: string },
): ReadBack {
  const canonical = vault.get("job");
  if (canonical === undefined) return { ok: false, message: "the content of that job was erased" };
  try {
    const annotations = JSON.parse(vault.get("annotations") ?? "{}") as JsonObject;
    const admission = readmit(canonical, { id: stored.id, traceId: stored.traceId, annotations });
    if (admission.hash === stored.hash) return { ok: true, admission };
  } catch {
    // What cannot be parsed is not what was hashed either.
  }
  return { ok: false, message: "the stored job is not the one that was hashed" };
}
