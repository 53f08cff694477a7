import { startResidentPool } from "../host/pool.ts";
import { type PipelinePlan, referenceChecksums } from "./pipeline.ts";

type ReferencePlan = Pick<PipelinePlan, "work" | "faults" | "kernels">;

/** A thread of its own runs this file. */
export default function runReference(plan: ReferencePlan): Uint32Array {
  return referenceChecksums(plan);
}

/**
 * The checksums of the same run in one thread, which is not the calling one: it can be stopped.
 * @throws InfeasibleError where one memory is too small for all instances; AbortError where it was stopped
 */
export async function checksumsOfOneThread(plan: ReferencePlan, signal: AbortSignal): Promise<Uint32Array> {
  const pool = startResidentPool(new URL(import.meta.url), 1);
  try {
    return (await pool.run({ work: plan.work, faults: plan.faults, kernels: plan.kernels }, signal)) as Uint32Array;
  } finally {
    await pool.destroy();
  }
}
