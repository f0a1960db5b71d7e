import picomatch from "picomatch";
import { type Peer, type PeerTags, tagsHold } from "./workload.js";

/** A rule an event; what the events say together is ours, for the engine has no word for it. */
export const rulesEngine: Peer = {
  name: "json-rules-engine",
  package: "json-rules-engine",
  globsAndTags: true,
  how: "a rule each, operators of ours over compiled globs and tags, deny before allow by priority, `stop` on a deny",
  open: async (rules) => {
    const { Engine } = await import("json-rules-engine");
    const engine = new Engine();
    const slashed = (text: string): string => text.replaceAll(".", "/");
    const globs = new Map(
      rules.map(({ topic }) => [topic, picomatch(slashed(topic).replace("/**", "/**/*"), { dot: true })]),
    );
    engine.addOperator("matches", (path: string, topic: string) => globs.get(topic)?.(path) === true);
    engine.addOperator("tagsHold", (carried: { readonly set: ReadonlySet<string> }, asked: PeerTags) =>
      tagsHold(asked, carried.set),
    );
    for (const { decision, topic, tags } of rules) {
      const asked = tags === null ? [] : [{ fact: "tags", operator: "tagsHold", value: tags, priority: 2 }];
      engine.addRule({
        conditions: { all: [...asked, { fact: "topic", operator: "matches", value: topic, priority: 1 }] },
        event: { type: decision },
        priority: decision === "deny" ? 2 : 1,
      });
    }
    engine.on("deny", () => engine.stop());
    return {
      bind: (jobs) => {
        const facts = jobs.map(({ topic, tags }) => ({ topic: slashed(topic), tags: { set: new Set(tags) } }));
        return async (n) => {
          const { events } = await engine.run(facts[n]);
          return events.length > 0 && events.every(({ type }) => type === "allow");
        };
      },
    };
  },
};
