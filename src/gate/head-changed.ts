import { StoreError } from "../errors.js";

/** The log is not what was signed of it: nothing may be signed, and no evidence handed out, in its place. */
export function headChanged(size: number): StoreError {
  return new StoreError("store_head_changed", `the log is not what was signed of its first ${size} events`, {
    help: "stop all gates on it; find out whether the file was swapped, or a backup put back, and keep both files",
  });
}
