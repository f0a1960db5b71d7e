/** A place in the file system: its root, then name after name; no `.`, `..` or separator among them. */
export type Place = readonly [root: string, ...names: string[]];

/** The place as text. */
export function placeText([root, ...names]: Place): string {
  return `${root}${names.join(root === "/" ? "/" : "\\")}`;
}

/**
 * Where a path leads if no link is on the way: a `..` takes back the name before it. MUST NOT be all that anything is
 * allowed by.
 */
export function writtenPlace(root: string, steps: readonly string[]): Place {
  const names: string[] = [];
  for (const step of steps) {
    if (step === "..") names.pop();
    else if (step !== ".") names.push(step);
  }
  return [root, ...names];
}

/** True for the folder itself and all below it, name by name: `/database` is not within `/data`. */
export function isWithin(place: Place, folder: Place): boolean {
  return folder.every((name, index) => name === place[index]);
}

/**
 * Like {@link isWithin}, but wide: where file systems as a rule take no heed of case or of how accents are composed, this
 * takes none either. For refusing only.
 */
export function mayBeWithin(place: Place, folder: Place, platform: NodeJS.Platform): boolean {
  if (platform !== "darwin" && platform !== "win32") return isWithin(place, folder);
  return folder.every((name, index) => folded(name) === folded(place[index] ?? ""));
}

/** Upper case first: `ſ` and `ß` have no other way to what they equal. */
function folded(name: string): string {
  return name.normalize("NFD").toUpperCase().toLowerCase().normalize("NFD");
}
