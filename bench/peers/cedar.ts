import { setFlagsFromString } from "node:v8";
import { type Peer, type PeerRule, spelledOut } from "./workload.js";

let opened = 0;

/** Policies parsed once into the engine's own memory, then asked by name: the fastest of its interfaces. */
export const cedar: Peer = {
  name: "cedar-wasm",
  package: "@cedar-policy/cedar-wasm",
  globsAndTags: true,
  how: "permit and forbid, `like` on the topic, `containsAny` on the tags; policies parsed beforehand",
  open: async (rules) => {
    // A run on Node 20 once ended in V8 ("unreachable code", in its deoptimizer), and inlined calls into WebAssembly are
    // what is suspected: what such a call does costs so much more that the figures stay the same without.
    if (process.versions.node.startsWith("20.")) setFlagsFromString("--no-turbo-inline-js-wasm-calls");
    const engine = await import("@cedar-policy/cedar-wasm/nodejs");
    opened += 1;
    const name = `peers-${opened}`;
    const parsed = engine.preparsePolicySet(name, { staticPolicies: rules.map(policyOf).join("\n") });
    if (parsed.type === "failure") throw new Error(parsed.errors[0]?.message ?? "cedar refused the policies");
    return {
      bind: (jobs) => {
        const calls = jobs.map(({ topic, tags }) => ({
          principal: { type: "Actor", id: "agent-7" },
          action: { type: "Action", id: "dispatch" },
          resource: { type: "Job", id: "job" },
          context: { topic, tags: [...tags] },
          preparsedPolicySetId: name,
          entities: [],
        }));
        return (n) => {
          const call = calls[n];
          if (call === undefined) throw new RangeError(`no job ${n}`);
          const answer = engine.statefulIsAuthorized(call);
          if (answer.type === "failure") throw new Error(answer.errors[0]?.message ?? "cedar failed");
          return answer.response.decision === "allow";
        };
      },
    };
  },
};

function policyOf({ decision, topic, tags }: PeerRule): string {
  const conditions = [`(${spelledOut(topic).map(likeOf).join(" || ")})`];
  if (tags !== null && "any" in tags) conditions.push(`context.tags.containsAny(${JSON.stringify(tags.any)})`);
  if (tags !== null && "none" in tags) conditions.push(`!context.tags.containsAny(${JSON.stringify(tags.none)})`);
  const effect = decision === "allow" ? "permit" : "forbid";
  return `${effect}(principal, action, resource) when { ${conditions.join(" && ")} };`;
}

/** Cedar's wildcard also takes dots: where the pattern means one segment, what has a further one is excluded. */
function likeOf(pattern: string): string {
  const like = (text: string): string => `context.topic like ${JSON.stringify(text)}`;
  if (!pattern.includes("*")) return `context.topic == ${JSON.stringify(pattern)}`;
  if (pattern.endsWith(".**")) return like(pattern.slice(0, -1));
  const further = pattern.split("").flatMap((character, at) => {
    return character === "*" ? [`${pattern.slice(0, at)}*.*${pattern.slice(at + 1)}`] : [];
  });
  return `(${[like(pattern), ...further.map((text) => `!(${like(text)})`)].join(" && ")})`;
}
