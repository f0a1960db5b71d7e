/** Answers that were made before, by the text that asked: as many as there is room for, those asked for last the longest. */
export interface Memo<Value> {
  readonly get: (key: string) => Value | undefined;
  readonly put: (key: string, value: Value) => void;
}

/**
 * Two generations: when the young one is full it becomes the old one, and what was not asked for since is dropped.
 * `weightOf` says how much of the room a value takes.
 */
export function createMemo<Value>(room: number, weightOf: (value: Value) => number): Memo<Value> {
  let young = new Map<string, Value>();
  let old = new Map<string, Value>();
  let filled = 0;
  const put = (key: string, value: Value): void => {
    if (filled >= room / 2) {
      old = young;
      young = new Map();
      filled = 0;
    }
    filled += weightOf(value);
    young.set(key, value);
  };
  return {
    get(key) {
      const fresh = young.get(key);
      if (fresh !== undefined) return fresh;
      const aged = old.get(key);
      if (aged !== undefined) put(key, aged);
      return aged;
    },
    put,
  };
}
