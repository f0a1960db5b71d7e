import { type Peer, type PeerTags, regexOf } from "./workload.js";

/** Rules with conditions in its Mongo language. Later rules win, so what denies comes last, as its guide says. */
export const casl: Peer = {
  name: "casl",
  package: "@casl/ability",
  globsAndTags: true,
  how: "`can` and `cannot` on one subject, `$regex` on the topic, `$in` and `$nin` on the tags",
  open: async (rules) => {
    const { createMongoAbility } = await import("@casl/ability");
    const raw = rules.map(({ decision, topic, tags }) => ({
      action: "dispatch",
      subject: "Job",
      inverted: decision === "deny",
      conditions: { ...tagsOf(tags), topic: { $regex: regexOf(topic) } },
    }));
    const ordered = [...raw.filter((rule) => !rule.inverted), ...raw.filter((rule) => rule.inverted)];
    const ability = createMongoAbility(ordered, { detectSubjectType: () => "Job" });
    return {
      bind: (jobs) => {
        const subjects = jobs.map((job) => ({ ...job }));
        return (n) => {
          const subject = subjects[n];
          return subject !== undefined && ability.can("dispatch", subject);
        };
      },
    };
  },
};

function tagsOf(tags: PeerTags | null): object {
  if (tags === null) return {};
  return { tags: "any" in tags ? { $in: [...tags.any] } : { $nin: [...tags.none] } };
}
