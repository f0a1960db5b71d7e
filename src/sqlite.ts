export { openSqliteStore, type SqliteStore, type SqliteStoreOptions } from "./store/sqlite/store.js";
