import { int8DotIsRight } from "../kernels/dotProbe.ts";
import { readKernelModule } from "../kernels/files.ts";
import type { KernelModule } from "../kernels/load.ts";
import { pickTarget, type Target } from "../kernels/target.ts";
import { compileForHost } from "../measure/calibration.ts";
import { InfeasibleError } from "../units/errors.ts";

/** The kernels that a run uses. */
export interface KernelsHere {
  readonly target: Target;
  readonly kernels: KernelModule;
  /** What a reader should know of the choice. */
  readonly notices: readonly string[];
}

/**
 * Picks and compiles the kernels for this host: the target asked for, else the best that this engine computes right.
 *
 * @param isRight whether a compiled target's int8 dot gives the right sums; tests give their own.
 * @param compile how: with the tiles that are fastest here, which takes a while to find out, or as counting has them.
 * @throws InfeasibleError where the target asked for can't run here, or computes wrongly.
 */
export async function kernelsHere(
  asked: string | undefined,
  isRight: (kernels: KernelModule) => boolean = int8DotIsRight,
  compile: (wasm: Uint8Array<ArrayBuffer>, target: Target) => KernelModule = compileForHost,
): Promise<KernelsHere> {
  const target = await pickTarget(asked);
  const kernels = compile(readKernelModule(target, "plain"), target);
  if (target !== "relaxed" || isRight(kernels)) return { target, kernels, notices: [] };
  const wrong = "this engine's relaxed int8 dot gives wrong sums";
  if (asked !== undefined) throw new InfeasibleError(`${wrong}: use --target simd, or another version of Node`);
  return {
    target: "simd",
    kernels: compile(readKernelModule("simd", "plain"), "simd"),
    notices: [`${wrong}: kernels run on target simd instead, which is slower`],
  };
}
