import { generateKeyPairSync } from "node:crypto";
import type { LogSigner } from "./log-folder.js";

/** Somebody new of that name. */
export function signerOf(name: string): LogSigner {
  return { name, privateKey: generateKeyPairSync("ed25519").privateKey };
}
