import { importsOf } from "../policy/link.js";
import { readYaml } from "../policy/read-yaml.js";
import { DEFAULT_MAX_BYTES, type Place } from "../policy/source.js";
import type { Io } from "./io.js";
import { readText } from "./read-text.js";

/**
 * Where in the file the findings stand. Their pointers lead into the normalised document, which holds rules in the order
 * of the file unless it imports some: then nothing is said rather than something wrong.
 */
export async function locateFindings(
  io: Io,
  file: string,
  findings: readonly { readonly path: string }[],
): Promise<readonly Place[]> {
  const locate = await locatorOf(io, file);
  return findings.map(({ path }) => (path === "" || locate === null ? {} : locate(tokensOf(path), "value")));
}

async function locatorOf(io: Io, file: string): Promise<ReturnType<typeof readYaml>["locate"] | null> {
  try {
    const reading = readYaml(await readText(io, file), DEFAULT_MAX_BYTES);
    return importsOf(reading).length === 0 ? reading.locate : null;
  } catch {
    return null;
  }
}

/** The keys of an RFC 6901 pointer. */
function tokensOf(path: string): readonly (string | number)[] {
  const tokens = path.split("/").slice(1);
  return tokens.map((token) => {
    const key = token.replaceAll("~1", "/").replaceAll("~0", "~");
    return /^(?:0|[1-9][0-9]{0,8})$/.test(key) ? Number(key) : key;
  });
}
