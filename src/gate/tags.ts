import { MAX_ITEMS, TAG } from "../job/fields.js";
import type { AdmittedJob } from "../job/job.js";
import type { Reason } from "../outcome.js";
import type { Core } from "./core.js";
import { TAGS_LATE } from "./refusal.js";

/** The tags that the host derives, or why there are none. */
export type Derived =
  | { readonly ok: true; readonly tags: readonly string[] }
  | { readonly ok: false; readonly reason: Reason };

/** What a host that derives none answers. */
export const NONE: Derived = { ok: true, tags: [] };

/** Asks the host for derived tags, inside the deadline. A host that fails here leaves a job that must not run. */
export async function deriveTags(core: Core, job: AdmittedJob, deadline: number): Promise<Derived> {
  const derive = core.settings.deriveTags;
  if (derive === undefined) return NONE;
  const left = deadline - core.clock.monotonic();
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<"late">((resolve) => {
    timer = setTimeout(() => resolve("late"), Math.max(0, left));
  });
  try {
    const answer = await Promise.race([(async () => derive(job))(), late]);
    if (answer === "late") {
      return failed(TAGS_LATE);
    }
    return readTags(answer);
  } catch (error) {
    return failed({ code: "derive_tags_failed", message: `deriveTags threw ${kindOf(error)}` });
  } finally {
    clearTimeout(timer);
  }
}

function readTags(answer: unknown): Derived {
  if (!Array.isArray(answer) && !(answer instanceof Set)) {
    return failed({ code: "derive_tags_failed", message: "deriveTags must answer a list or a set of tags" });
  }
  const tags = [...new Set<unknown>(answer)];
  if (tags.length > MAX_ITEMS) {
    return failed({ code: "derive_tags_failed", message: `deriveTags must answer at most ${MAX_ITEMS} tags` });
  }
  if (!tags.every((tag) => typeof tag === "string" && TAG.test(tag))) {
    return failed({ code: "derive_tags_failed", message: "a derived tag must be 1 to 64 of a-z, 0-9, _ and -" });
  }
  return { ok: true, tags: (tags as string[]).sort() };
}

function failed(reason: Reason): Derived {
  return { ok: false, reason };
}

function kindOf(error: unknown): string {
  return error instanceof Error ? "an error" : `a ${error === null ? "null" : typeof error}`;
}
