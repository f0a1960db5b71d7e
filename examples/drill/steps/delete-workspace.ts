import { compare, type Result } from "../check.js";
import type { Site } from "../site.js";

/** What is destructive is denied, whatever else it is. */
export async function deleteWorkspace({ submit, workspace }: Site): Promise<readonly Result[]> {
  const before = workspace.list();
  const outcome = await submit("delete-workspace", "delete-workspace");
  const after = workspace.list();
  return [
    compare("delete the workspace", "DENY → DENIED (deny-destructive)", outcome, {
      found: `${after.length} of ${before.length} files are there`,
      ok: before.length > 0 && after.join("/") === before.join("/"),
    }),
  ];
}
