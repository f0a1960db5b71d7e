/** A first policy, with `schema` as the path of the schema for editors, seen from the file. */
export function starterPolicy(schema: string): string {
  return `# yaml-language-server: $schema=${schema}
#
# What agents may do. Every job is asked about here before anything happens. All rules that match count, and the most severe
# of them decides; their order does not. A job that no rule permits is denied.
version: v1

rules:
  # Reading is allowed. In a topic \`*\` stands for one part, and \`**\` for one or more.
  - id: allow-reads
    match: { topics: ["job.tickets.read.**"] }
    decision: allow

  # A limit on what is permitted, which permits nothing by itself: of each actor at most 30 reads a minute.
  - id: limit-reads
    match: { topics: ["job.tickets.read.**"] }
    decision: throttle
    throttle: { limit: 30, window_sec: 60, per: [actor] }

  # Writing waits for a person, who is not the one that asks. \`dispatch-gate approvals\` shows and decides what waits.
  - id: approve-writes
    match: { topics: ["job.tickets.write.**"] }
    decision: require_approval
    reason: "A person looks at every write"

  # Commands are held to 45 seconds, and to one more attempt where the first one ended without any effect.
  - id: constrain-commands
    match: { topics: ["job.agent.exec.*"] }
    decision: allow_with_constraints
    constraints: { max_runtime_sec: 45, max_retries: 1 }

  # What no rule permits is denied anyway. A rule that says so gives the reason, and what to ask for instead; and no rule
  # that is added later can permit it.
  - id: deny-deletes
    match: { topics: ["job.tickets.delete.**"] }
    decision: deny
    reason: "What is deleted is gone"
    remediations:
      - { title: "Close the ticket instead", replacement_topic: job.tickets.write.close }

  # Rules may also look at tags, such as \`risk_tags: [prod]\`. Let the host derive these (\`deriveTags\`): whoever can choose
  # its own tags can choose its rule. \`dispatch-gate check\` says where.

# What comes back is searched for secrets, and these are taken out before the agent sees them.
outputs:
  - id: redact-secrets
    match: { topics: ["**"] }
    detect: [secrets]
    action: redact
`;
}

/** What the first policy says: of a job for each of its rules, and of one that no rule speaks of. */
export const STARTER_TEST = `# What policy.yaml says of these jobs. Run it after every change of a rule: dispatch-gate test
policy: ./policy.yaml
tests:
  - name: a read is allowed
    job: { topic: job.tickets.read.one }
    expect: { decision: allow, matched: [allow-reads, limit-reads] }

  - name: a write waits for a person
    job: { topic: job.tickets.write.close }
    expect: { decision: require_approval, rule: approve-writes }

  - name: a command is bounded
    job: { topic: job.agent.exec.run }
    expect: { decision: allow_with_constraints, constraints: { max_runtime_sec: 45, max_retries: 1 } }

  - name: a deletion is denied
    job: { topic: job.tickets.delete.one }
    expect: { decision: deny, rule: deny-deletes }

  - name: what no rule speaks of is denied
    job: { topic: job.tickets.export.all }
    expect: { decision: deny, rule: "@default" }
`;
