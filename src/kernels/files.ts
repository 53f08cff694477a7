import { readFileSync } from "node:fs";
import { InfeasibleError } from "../units/errors.ts";
import type { Target } from "./target.ts";

/** Plain, with counters, or with counters and every memory access reported. */
export type Variant = "plain" | "counted" | "traced";

/** Bytes of a built module. @throws InfeasibleError where it is not there. */
export function readKernelModule(target: Target, variant: Variant): Uint8Array<ArrayBuffer> {
  const name = variant === "plain" ? `${target}.wasm` : `${target}.${variant}.wasm`;
  try {
    return new Uint8Array(readFileSync(new URL(`../../build/${name}`, import.meta.url)));
  } catch {
    throw new InfeasibleError(
      `build/${name} is missing: run "npm run build" in a checkout, or install the package again`,
    );
  }
}
