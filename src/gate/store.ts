import { isStore, type Store } from "../store/port.js";
import { openSqliteStore } from "../store/sqlite/store.js";

/** Opens the store that a host names: a path is an SQLite file. */
export async function openStore(store: string | Store): Promise<Store> {
  if (typeof store === "string") return openSqliteStore(store);
  if (isStore(store)) return store;
  throw new TypeError("`store` must be the path of an SQLite file, or a store made by `defineStore`");
}
