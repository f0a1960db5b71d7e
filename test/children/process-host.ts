import { createProcessDispatcher } from "../../src/process.js";
import { contextOf, JOB } from "../dispatch/process-run.js";

// Runs the command of its arguments in the sandbox, for as long as that takes.
const { dispatch } = await createProcessDispatcher({ command: () => process.argv.slice(2), sandbox: "required" });
await dispatch(JOB, contextOf({}));
process.disconnect();
