import { lintSource } from "@secretlint/core";
import { creator } from "@secretlint/secretlint-rule-preset-recommend";
import type { Find, Peer } from "./tool.js";

const config = { rules: [{ id: "@secretlint/secretlint-rule-preset-recommend", rule: creator, options: {} }] };

/** Its rules and the kinds of ours that they are for. It looks for ids of access keys only when told to. */
const RULES: ReadonlyMap<string, readonly string[]> = new Map([
  ["privatekey", ["private_key"]],
  ["aws", ["aws_secret_access_key"]],
  ["github", ["github_token"]],
  ["npm", ["npm_token"]],
  ["slack", ["slack_token", "slack_webhook"]],
  ["sendgrid", ["sendgrid_key"]],
  ["shopify", ["shopify_token"]],
  ["openai", ["openai_key"]],
  ["anthropic", ["anthropic_key"]],
  ["basicauth", ["connection_string"]],
  ["database-connection-string", ["connection_string"]],
]);

/**
 * The recommended preset as it comes, without the command line around it: a library, as the gate is.
 * Its profiler goes through what every call has left there as soon as the event loop is free, in time quadratic in the
 * calls: whoever has called it often has to end the process.
 */
export const secretlint: Peer = {
  name: "secretlint",
  claims: new Set([...RULES.values()].flat()),
  reports: "lines",
  ours: ({ kind }) => RULES.get(kind)?.[0] ?? kind,
  find: async (content) => {
    const { messages } = await lintSource({
      source: { content, filePath: "output.txt", ext: ".txt", contentType: "text" },
      options: { noPhysicFilePath: true, config },
    });
    return messages.map(({ ruleId, range: [start, end] }): Find => {
      return { kind: ruleId.replace("@secretlint/secretlint-rule-", ""), start, end };
    });
  },
};
