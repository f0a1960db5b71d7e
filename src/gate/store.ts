import { isStore, type Store } from "../store/port.js";
import { openSqliteStore, openSqliteStoreWhenever } from "../store/sqlite/reopening.js";
import type { Settings } from "./options.js";

/** Opens the store that a host names: a path is an SQLite file. In fail mode `open` it need not be there yet. */
export async function openStore(store: string | Store, failMode: Settings["failMode"] = "closed"): Promise<Store> {
  if (typeof store === "string") return failMode === "open" ? openSqliteStoreWhenever(store) : openSqliteStore(store);
  if (isStore(store)) return store;
  throw new TypeError("`store` must be the path of an SQLite file, or a store made by `defineStore`");
}
