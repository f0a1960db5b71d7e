import { StoreError } from "../errors.js";
import { openCheckpoint } from "../evidence/checkpoint.js";
import { sameHash } from "../evidence/merkle.js";
import { keyOf, type Signer } from "../signer.js";
import type { Store } from "../store/port.js";
import { readHash } from "../store/prove.js";
import { headChanged } from "./head-changed.js";
import { freshSigner, openKeyFile } from "./key-file.js";
import type { Settings } from "./options.js";

/** Who signs the log of this store: see {@link checkSigner}, which MUST find it right before anything is written. */
export function openSigner(settings: Settings, store: Pick<Store, "keyFile">): Signer {
  const keyFile = settings.keyFile ?? store.keyFile;
  if (settings.signer === undefined && keyFile === undefined) return freshSigner(settings.origin);
  return settings.signer ?? openKeyFile(keyFile ?? "", settings.origin);
}

/**
 * Rejects where the log was signed last by a key that nobody here knows, or is not what was signed: a key that was swapped, or
 * lost and made anew, MUST NOT pass for the log's own.
 */
export async function checkSigner(signer: Signer, settings: Settings, store: Store): Promise<void> {
  // A key that is made anew for each gate, and kept nowhere, is the log's own by nothing but its gate's word.
  if (settings.signer === undefined && (settings.keyFile ?? store.keyFile) === undefined) return;
  const { checkpoint } = await store.read({ kind: "checkpoint", size: null });
  if (checkpoint === undefined || checkpoint === null) return;
  const signed = openCheckpoint(checkpoint.note, [keyOf(signer), ...settings.formerKeys]);
  if (signed === null) {
    throw new StoreError(
      "store_key_unusable",
      "the log was signed by another key than the one that is to sign it now",
      {
        help: "restore the key file; or, where the key was changed on purpose, name the one before it in `formerKeys`",
      },
    );
  }
  const { proof } = await store.read({ kind: "consistency", from: signed.size, to: signed.size });
  if (proof === undefined || proof === null || !sameHash(readHash(proof.root), signed.root))
    throw headChanged(signed.size);
}
