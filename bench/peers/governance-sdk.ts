import { type Peer, type PeerRule, spelledOut } from "./workload.js";

/** Its conditions compare values by path and know neither globs nor lists: the topic comes in segments, tags as flags. */
export const governanceSdk: Peer = {
  name: "agent-governance-sdk",
  package: "@microsoft/agent-governance-sdk",
  globsAndTags: false,
  how: "`evaluatePolicy`, deny overrides; it has no globs and no sets, so the host splits topics and flags tags",
  open: async (rules) => {
    const { ConflictResolutionStrategy, PolicyEngine } = await import("@microsoft/agent-governance-sdk");
    const engine = new PolicyEngine([], ConflictResolutionStrategy.DenyOverrides);
    engine.loadPolicy({
      name: "peers",
      scope: "global",
      default_action: "deny",
      rules: rules.map((rule) => ({ name: rule.id, ruleAction: rule.decision, condition: conditionOf(rule) })),
    });
    return {
      bind: (jobs) => {
        const contexts = jobs.map(({ topic, tags }) => {
          const segments = topic.split(".");
          const named = Object.fromEntries(segments.map((segment, at) => [`s${at}`, segment]));
          return { ...named, depth: segments.length, tags: Object.fromEntries(tags.map((tag) => [tag, "yes"])) };
        });
        return (n) => engine.evaluatePolicy("agent-7", contexts[n] ?? {}).allowed;
      },
    };
  },
};

/** It has no brackets: alternatives are written out, each with everything that must hold beside it. */
function conditionOf({ topic, tags }: PeerRule): string {
  const paths = spelledOut(topic).map((pattern) => {
    const segments = pattern.split(".");
    const named = segments.flatMap((segment, at) => (segment.includes("*") ? [] : [`s${at} == '${segment}'`]));
    const open = segments.at(-1) === "**";
    return [...named, open ? `depth >= ${segments.length}` : `depth == ${segments.length}`].join(" and ");
  });
  if (tags === null) return paths.join(" or ");
  if ("none" in tags) {
    const absent = tags.none.map((tag) => `tags.${tag} != 'yes'`).join(" and ");
    return paths.map((path) => `${path} and ${absent}`).join(" or ");
  }
  return paths.flatMap((path) => tags.any.map((tag) => `${path} and tags.${tag} == 'yes'`)).join(" or ");
}
