// The declarations for CommonJS: those for ES modules, with files that are CommonJS. To let tsup make them, too, is to
// check all types a second time.
import { readdirSync, readFileSync, writeFileSync } from "node:fs";

const dist = new URL("../dist/", import.meta.url);
for (const file of readdirSync(dist).filter((name) => name.endsWith(".d.ts"))) {
  const text = readFileSync(new URL(file, dist), "utf8");
  writeFileSync(
    new URL(file.replace(/\.ts$/, ".cts"), dist),
    text.replace(/(\bfrom |\bimport |\bimport\()(['"])(\.\/[^'"\n]+)\.js\2/g, "$1$2$3.cjs$2"),
  );
}
