// Takes three seconds, which is two more than the policy allows, and writes its report at the very end.
import { writeFileSync } from "node:fs";

setTimeout(() => writeFileSync("report.txt", "all is well\n"), 3_000);
