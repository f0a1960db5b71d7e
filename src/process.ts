export { createProcessDispatcher, type ProcessDispatcher } from "./dispatch/process/create.js";
export type { ProcessOptions } from "./dispatch/process/options.js";
export { ProcessError, type ProcessResult } from "./dispatch/process/result.js";
