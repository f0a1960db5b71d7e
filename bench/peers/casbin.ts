import { type Peer, type PeerTags, regexOf, tagsHold } from "./workload.js";

const MODEL = `
[request_definition]
r = topic, tags

[policy_definition]
p = topic, tags, eft

[policy_effect]
e = some(where (p.eft == allow)) && !some(where (p.eft == deny))

[matchers]
m = tagsHold(r.tags, p.tags) && regexMatch(r.topic, p.topic)
`;

/** A line of its policy holds texts alone: what a rule asks of tags is kept beside it, by its own text. */
export const casbin: Peer = {
  name: "casbin",
  package: "casbin",
  globsAndTags: true,
  how: "`regexMatch` on the topic (its `globMatch` is slower), tags in a function of ours, deny overrides, `enforceSync`",
  open: async (rules) => {
    const { newEnforcer, newModelFromString, StringAdapter } = await import("casbin");
    const asked = new Map<string, PeerTags | null>();
    const lines = rules.map(({ decision, topic, tags }) => {
      const key = Object.entries(tags ?? {})
        .map(([word, list]) => `${word} ${list.join(" ")}`)
        .join("");
      asked.set(key, tags);
      return `p, ${regexOf(topic)}, ${key}, ${decision}`;
    });
    const enforcer = await newEnforcer(newModelFromString(MODEL), new StringAdapter(lines.join("\n")));
    await enforcer.addFunction("tagsHold", (carried: ReadonlySet<string>, key: string) =>
      tagsHold(asked.get(key) ?? null, carried),
    );
    return {
      bind: (jobs) => {
        const carried = jobs.map(({ tags }) => new Set(tags));
        return (n) => enforcer.enforceSync(jobs[n]?.topic, carried[n]);
      },
    };
  },
};
