import fc from "fast-check";

// Every property test draws from the seed that the run printed; with one that is set, the run is repeated.
fc.configureGlobal({ seed: Number(process.env.SEED) });
