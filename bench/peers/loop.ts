import picomatch from "picomatch";
import { type Peer, tagsHold } from "./workload.js";

/** What one would write without an index: every glob compiled once, every rule looked at. A deny ends the search. */
export const loop: Peer = {
  name: "picomatch loop",
  package: "picomatch",
  globsAndTags: true,
  how: "every rule compiled once, walked in turn, a deny ends the walk",
  open: (rules) => {
    const slashed = (text: string): string => text.replaceAll(".", "/");
    const compiled = rules.map(({ decision, topic, tags }) => ({
      denies: decision === "deny",
      isMatch: picomatch(slashed(topic).replace("/**", "/**/*"), { dot: true }),
      tags,
    }));
    return {
      bind: (jobs) => {
        const paths = jobs.map(({ topic }) => slashed(topic));
        return (n) => {
          const carried = new Set(jobs[n]?.tags);
          const path = paths[n] ?? "";
          let allowed = false;
          for (const { denies, isMatch, tags } of compiled) {
            if (allowed && !denies) continue;
            // The cheap test first: tags are a look-up, a glob is a regular expression.
            if (!tagsHold(tags, carried) || !isMatch(path)) continue;
            if (denies) return false;
            allowed = true;
          }
          return allowed;
        };
      },
    };
  },
};
