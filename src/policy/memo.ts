/** Answers that were made before, by the text that asked: as many as it may keep, the latest used longest. */
export interface Memo<Value> {
  readonly get: (key: string) => Value | undefined;
  readonly put: (key: string, value: Value) => void;
}

/** Two generations: when the young one is full it becomes the old one, and what was not asked for since is dropped. */
export function createMemo<Value>(max: number): Memo<Value> {
  let young = new Map<string, Value>();
  let old = new Map<string, Value>();
  const put = (key: string, value: Value): void => {
    if (young.size >= max / 2) {
      old = young;
      young = new Map();
    }
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
