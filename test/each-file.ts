import fc from "fast-check";
import { afterEach } from "vitest";
import { endAll } from "./endings.js";

// Runs anew for each file, also where files share a process: a hook in a module of their own would be the first file's alone.

// Every property test draws from the seed that the run printed; with one that is set, the run is repeated.
fc.configureGlobal({ seed: Number(process.env.SEED) });

afterEach(endAll);
