export { openSqliteStore, type SqliteStore } from "./store/sqlite/reopening.js";
export type { SqliteStoreOptions } from "./store/sqlite/store.js";
