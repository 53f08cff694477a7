import { relaxedSimd, simd, threads } from "wasm-feature-detect";
import { InfeasibleError, InvalidInputError } from "../units/errors.ts";

/** The builds of the kernels: baseline SIMD, relaxed SIMD (fused multiply-add, int8 dot), and baseline with assertions. */
export const targets = ["simd", "relaxed", "debug"] as const;
export type Target = (typeof targets)[number];

/**
 * The target to run: the one asked for, else `relaxed` where the engine has it, else `simd`.
 *
 * @throws InvalidInputError for an unknown name, InfeasibleError where this engine can't run it.
 */
export async function pickTarget(asked: string | undefined): Promise<Target> {
  if (asked !== undefined && !isTarget(asked)) {
    throw new InvalidInputError({
      field: "--target",
      value: asked,
      expected: `one of ${targets.join(", ")}`,
      known: targets,
    });
  }
  if (!(await simd()) || !(await threads())) {
    throw new InfeasibleError(
      "this JavaScript engine has no WebAssembly SIMD or no shared memory; afdbench needs both",
    );
  }
  const hasRelaxed = await relaxedSimd();
  if (asked === "relaxed" && !hasRelaxed) {
    throw new InfeasibleError("this JavaScript engine has no relaxed SIMD: use --target simd, or Node 24 or newer");
  }
  return asked ?? (hasRelaxed ? "relaxed" : "simd");
}

function isTarget(name: string): name is Target {
  return (targets as readonly string[]).includes(name);
}
