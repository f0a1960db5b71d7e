// The package as its users run it: what `npm run build` made, with the types of the source it was made from.
const built = <T>(file: string): Promise<T> => import(new URL(`../dist/${file}`, import.meta.url).href) as Promise<T>;

export const { compilePolicy, createGate } = await built<typeof import("dispatch-gate")>("index.js");
export const { openSqliteStore } = await built<typeof import("dispatch-gate/sqlite")>("sqlite.js");
