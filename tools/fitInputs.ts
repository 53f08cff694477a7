import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { acceleratorNames, loadAccelerator } from "../src/hardware/catalog.ts";
import { peaksOf } from "../src/theory/families.ts";
import { ROOT } from "./program.ts";

/** Everything that the fit's result follows from beside the catalog: data, reader, model, priors, solver. */
const INPUTS = [
  ...readdirSync(`${ROOT}src/evidence/data`).map((name) => `src/evidence/data/${name}`),
  ...[
    "bands",
    "crossValidation",
    "dataSchema",
    "dtypes",
    "fit",
    "fitAll",
    "folds",
    "hostPart",
    "measurement",
    "priors",
    "reader",
  ].map((name) => `src/evidence/${name}.ts`),
  ...[
    "carriedConstants",
    "constantVector",
    "families",
    "fittedConstants",
    "latencyModel",
    "nearbyRows",
    "projectLatency",
    "tiling",
  ].map((name) => `src/theory/${name}.ts`),
  "src/workload/kernelShape.ts",
  "tools/fit.ts",
  "tools/leastSquares.ts",
].sort();

/** Checksum of what the generated constants were made from; a test compares it with the one that they carry. */
export function inputsSha256(): string {
  const hash = createHash("sha256");
  hash.update(JSON.stringify(acceleratorNames().map((name) => peaksOf(loadAccelerator(name)))));
  for (const path of INPUTS) hash.update(`${path}\n`).update(readFileSync(ROOT + path));
  return hash.digest("hex");
}
