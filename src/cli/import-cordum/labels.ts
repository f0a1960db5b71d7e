import type { Json } from "../../outcome.js";
import { isMap, type Loose } from "../../policy/report.js";
import { type Path, quoted } from "../../policy/source.js";
import { cel, labelOutside, labelOver, MCP_KEYS, type McpKey, mcpRefusals, secretsPresent } from "./cel.js";
import { ANYTHING, type Around, cannot, exactly, LABEL_PLAIN, type Matched, NEVER } from "./matched.js";
import { at, isUnset, stringMapAt, stringsAt } from "./shape.js";

/** Labels that hold just these values. */
export function convertLabels(given: Loose, path: Path, around: Around): Matched {
  const entries = stringMapAt(given, "labels");
  if (entries === null) return cannot("`labels` is not a map of strings", [...path, "labels"], around);
  const labels: Record<string, readonly string[]> = {};
  const when: string[] = [];
  for (const [name, value] of entries) {
    const key = cel(name);
    if (value === "") when.push(`job.labels.size() > 0 && (!(${key} in job.labels) || job.labels[${key}] == "")`);
    else if (name === "" || name.length > 256 || value.length > 256) return NEVER;
    else if (LABEL_PLAIN.test(value)) labels[name] = [value];
    else when.push(`${key} in job.labels && job.labels[${key}] == ${cel(value)}`);
  }
  return exactly({
    ...(Object.keys(labels).length === 0 ? {} : { labels }),
    ...(when.length === 0 ? {} : { when }),
  });
}

/** Labels that hold none of the values on a list. */
export function convertLabelLists(given: Loose, path: Path, around: Around): Matched {
  const lists = at(given, "label_allowlist");
  if (lists === undefined || isUnset(lists)) return ANYTHING;
  const here = [...path, "label_allowlist"];
  if (!isMap(lists)) return cannot("`label_allowlist` is not a map of lists", here, around);
  const outside: string[] = [];
  for (const name of Object.keys(lists)) {
    const words = stringsAt(lists, name);
    if (words === null || words.some((word) => !/^[\x20-\x7e]*$/.test(word)) || words.join("").length > 150)
      return cannot("`label_allowlist` holds what cannot be compared here", [...here, name], around);
    outside.push(labelOutside(name, words));
  }
  return exactly({ when: [outside.join(" || ")] });
}

/** Labels that hold a number over a threshold. */
export function convertThresholds(given: Loose, path: Path, around: Around): Matched {
  const thresholds = at(given, "label_threshold");
  if (thresholds === undefined || (isMap(thresholds) && Object.keys(thresholds).length === 0)) return ANYTHING;
  const here = [...path, "label_threshold"];
  if (!isMap(thresholds)) return cannot("`label_threshold` is not a map of numbers", here, around);
  const surely: string[] = [];
  const maybe: string[] = [];
  for (const [name, limit] of Object.entries(thresholds)) {
    if (typeof limit !== "number" || Math.abs(limit) > 1e15 || (limit !== 0 && Math.abs(limit) < 1e-6))
      return cannot("`label_threshold` holds what cannot be compared here", [...here, name], around);
    surely.push(labelOver(name, limit, false));
    maybe.push(labelOver(name, limit, true));
  }
  const then = around.grants ? "does not match" : "is over the threshold here";
  around.notes.add("changed", here, `a label that is not a plain decimal number ${then}`);
  return { narrow: { when: [surely.join(" || ")] }, wide: { when: [maybe.join(" || ")] } };
}

/** Whether the job says that it holds secrets. */
export function convertSecrets(given: Loose, path: Path, around: Around): Matched {
  const wanted = at(given, "secrets_present");
  if (wanted === undefined) return ANYTHING;
  if (typeof wanted !== "boolean")
    return cannot("`secrets_present` is not true or false", [...path, "secrets_present"], around);
  return exactly({ when: [secretsPresent(wanted)] });
}

/** An `mcp` block in a match: the rule does not match the calls it refuses. */
export function convertMcp(given: Json | undefined, path: Path, around: Around): Matched {
  const read = readMcp(given, path, around);
  if (read === null) return cannot("this `mcp` block cannot be read whole", path, around);
  return read.length === 0 ? ANYTHING : exactly({ when: [`!(${read.map((one) => `(${one})`).join(" || ")})`] });
}

/** Conditions under which an `mcp` block refuses; none when it says nothing. Null when not all of it can be read. */
export function readMcp(
  given: Json | undefined,
  path: Path,
  { notes, spellings }: Pick<Around, "notes" | "spellings">,
): readonly string[] | null {
  if (given === undefined || isUnset(given)) return [];
  if (!isMap(given)) return null;
  const lists = new Map<McpKey, readonly string[]>();
  for (const key of MCP_KEYS) {
    const list = stringsAt(given, key);
    if (list === null || list.join("|").length > 400) return null;
    lists.set(key, list);
  }
  const known: ReadonlySet<string> = new Set(MCP_KEYS);
  const others = Object.keys(given).filter((key) => !known.has(key) && !isUnset(at(given, key)));
  for (const key of others) notes.add("refused", [...path, key], `${quoted(key)} has no place here`);
  const refusals = mcpRefusals(lists);
  if (refusals.length > 0) {
    spellings.nameCalls();
    const labels = "`mcp.server`, `mcp.tool`, `mcp.resource` and `mcp.action`";
    notes.add(
      "changed",
      path,
      `\`mcp\` looks at the labels ${labels}`,
      "the host must set them; the other names Cordum reads are denied",
    );
  }
  return refusals;
}
