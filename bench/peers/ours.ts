import type { Policy } from "dispatch-gate";
import { compilePolicy } from "../built.js";
import { documentOf, hostJobOf, type Peer } from "./workload.js";

/** The gate's own: `policy.decide` over whole jobs, checked and answered with a whole decision. */
export const ours: Peer = {
  name: "dispatch-gate",
  package: null,
  globsAndTags: true,
  how: "`policy.decide` over whole jobs; answers type, rule, reason, all matches and obligations",
  open: (rules) => {
    const policy: Policy = compilePolicy({ document: documentOf(rules) });
    return {
      bind: (jobs) => {
        const handed = jobs.map(hostJobOf);
        return (n) => {
          const job = handed[n];
          return job !== undefined && policy.decide(job).type === "ALLOW";
        };
      },
    };
  },
};
