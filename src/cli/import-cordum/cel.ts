import { SPACE, trimSpace } from "./shape.js";

/** A string literal of CEL, with nothing in it that could not be seen. */
export function cel(value: string): string {
  return JSON.stringify(value).replace(/[\p{Cc}\p{Cf}\p{Z}]/gu, (character) =>
    character === " " ? " " : `\\U${(character.codePointAt(0) as number).toString(16).padStart(8, "0")}`,
  );
}

export function celList(values: readonly string[]): string {
  return `[${values.map(cel).join(", ")}]`;
}

/** A pattern, as a literal, for any of these words in any case and with any space around. */
export function asWords(words: readonly string[]): string {
  return cel(`^${SPACE}*(?i:${words.map(regexText).join("|")})${SPACE}*$`);
}

/** A text as a pattern that matches just it. */
export function regexText(text: string): string {
  return text.replace(/[\\^$*+?()[\]{}|]/g, "\\$&").replaceAll(".", "[.]");
}

/** The lists of an `mcp` block, and the label each is about. */
const MCP_FIELDS = [
  ["servers", "mcp.server"],
  ["tools", "mcp.tool"],
  ["resources", "mcp.resource"],
  ["actions", "mcp.action"],
] as const;

/** The keys of an `mcp` block that say something of calls. */
export type McpKey = `${"allow" | "deny"}_${(typeof MCP_FIELDS)[number][0]}`;

export const MCP_KEYS: readonly McpKey[] = MCP_FIELDS.flatMap(
  ([lists]) => [`allow_${lists}`, `deny_${lists}`] as const,
);

const MCP_USED = MCP_FIELDS.map(([, label]) => `${cel(label)} in job.labels`).join(" || ");

/**
 * Conditions under which an `mcp` block refuses a call, each on its own: a field is on a deny list, or the call is of
 * that protocol and a field is on no allow list. Jobs that name a field in another way are denied before: see `mcpOtherwise`.
 */
export function mcpRefusals(lists: ReadonlyMap<McpKey, readonly string[]>): readonly string[] {
  return MCP_FIELDS.flatMap(([plural, label]) => {
    const deny = (lists.get(`deny_${plural}`) ?? []).map(trimSpace).filter((word) => word !== "");
    const allow = lists.get(`allow_${plural}`) ?? [];
    const allowed = allow.map(trimSpace).filter((word) => word !== "");
    const denied = deny.length === 0 ? [] : [labelIs(label, deny)];
    if (allow.length === 0) return denied;
    return [...denied, allowed.length === 0 ? MCP_USED : `(${MCP_USED}) && !(${labelIs(label, allowed)})`];
  });
}

function labelIs(label: string, words: readonly string[]): string {
  return `${cel(label)} in job.labels && job.labels[${cel(label)}].matches(${cel(`^(?i:${words.map(regexText).join("|")})$`)})`;
}

/** A job names a field by one of the other labels that Cordum reads it from, or with nothing or space around it. */
export function mcpOtherwise(): string {
  const others = MCP_FIELDS.flatMap(([, label]) => {
    const field = label.slice("mcp.".length);
    return [`mcp_${field}`, `mcp${field.slice(0, 1).toUpperCase()}${field.slice(1)}`];
  });
  const bare = cel(`^$|^${SPACE}|${SPACE}$`);
  return [
    ...others.map((label) => `${cel(label)} in job.labels`),
    ...MCP_FIELDS.map(([, label]) => `(${cel(label)} in job.labels && job.labels[${cel(label)}].matches(${bare}))`),
  ].join(" || ");
}

/** Cordum's notion of a job that holds secrets: the label says so, or without one the tag does. */
export function secretsPresent(wanted: boolean): string {
  const name = cel("secrets_present");
  const says = `job.labels[${name}].matches(${cel(`^${SPACE}*(true|1|(?i:yes))${SPACE}*$`)})`;
  const filled = `${name} in job.labels && job.labels[${name}].matches(${cel(`[^${SPACE.slice(1)}`)})`;
  const present = `(${filled} ? ${says} : "secrets" in job.risk_tags)`;
  return wanted ? present : `!${present}`;
}

/** A label that is there holds none of these words. */
export function labelOutside(name: string, words: readonly string[]): string {
  const text = cel(name);
  const plain = words.map(trimSpace).map(lowered).join("|");
  return `(${text} in job.labels && !job.labels[${text}].matches(${cel(`^${SPACE}*(${plain})${SPACE}*$`)}))`;
}

/** What Go's `ToLower` makes equal, for ASCII: three letters from elsewhere become ASCII ones. */
function lowered(word: string): string {
  return [...word.toLowerCase()]
    .map((character) => {
      if (!/[a-z]/.test(character)) return regexText(character);
      const strange = character === "k" ? "\u212a" : character === "i" ? "\u0130" : "";
      return `[${character}${character.toUpperCase()}${strange}]`;
    })
    .join("");
}

const PLAIN_NUMBER = cel("^[+-]?[0-9]{1,15}([.][0-9]{1,15})?$");

/** A label that is there is a plain number over the threshold; with `doubtful`, or is not a plain number at all. */
export function labelOver(name: string, threshold: number, doubtful: boolean): string {
  const text = cel(name);
  const plain = `job.labels[${text}].matches(${PLAIN_NUMBER})`;
  const limit = Number.isInteger(threshold) ? threshold.toFixed(1) : String(threshold);
  const over = `double(job.labels[${text}]) > ${limit}`;
  return `(${text} in job.labels && ${doubtful ? `(!${plain} || ${over})` : `${plain} && ${over}`})`;
}
