// Gives up before it has done anything while another import holds the lock: 75 is EX_TEMPFAIL of sysexits.h.
import { existsSync, writeFileSync } from "node:fs";

if (existsSync("import.lock")) process.exit(75);
writeFileSync("imported.txt", "2 customers\n");
