import { median, medianAbsoluteDeviation } from "simple-statistics";
import type { VectorBits } from "../host/vectorWidth.ts";
import type { Target } from "../kernels/target.ts";
import type { PassedRoof } from "../measure/roofPasses.ts";
import { flopsPerCycle } from "../measure/roofPlan.ts";
import type { HostRoofs } from "../measure/roofs.ts";
import type { KernelRow } from "../record/benchRows.ts";

/** Rows of this host's roofs: multiply-add, int8 dot, and reads at each level. */
export function roofRows(roofs: HostRoofs, target: Target, vectorBits: VectorBits): KernelRow[] {
  const base = {
    row: "kernel" as const,
    kind: "measured" as const,
    target,
    ...revectorized(vectorBits),
    threads: roofs.threads,
  };
  const peak = (kernel: string, dtype: string, roof: PassedRoof): KernelRow => ({
    ...base,
    kernel,
    dtype,
    shape: `tile=${roof.form}`,
    ...statusOf(roof),
    ...sampleFields(roof),
    flops: roof.workPerCall,
    flopsPerSecond: roof.perSecond,
  });
  return [
    {
      ...peak("roof.multiplyAdd", "f32", roofs.float32),
      clockHz: roofs.clockHz,
      ...(roofs.suspect ? { status: "roofSuspect", statusReason: suspectReason(target, vectorBits) } : {}),
    },
    peak("roof.int8Dot", "int8", roofs.int8),
    ...roofs.bandwidth.map(
      (roof): KernelRow => ({
        ...base,
        kernel: "roof.read",
        dtype: "bytes",
        shape: `level=${roof.level}`,
        level: roof.level,
        workingSetBytes: roof.workingSetBytes,
        ...statusOf(roof),
        ...sampleFields(roof),
        bytesPerSecond: roof.perSecond,
      }),
    ),
  ];
}

/** Why a float32 roof is doubted. */
export function suspectReason(target: Target, vectorBits: VectorBits): string {
  return `the float32 roof is more than 15% below clock x ${flopsPerCycle(target, vectorBits)} FLOP a cycle: a disturbed machine, or an engine that does not reach its units`;
}

/** The key of rows whose vectors were fused. */
export function revectorized(vectorBits: VectorBits): Pick<KernelRow, "revectorized"> {
  return vectorBits === 256 ? { revectorized: true } : {};
}

/** A roof whose passes did not agree stands as it is, and says so. */
export function statusOf({ unstable }: PassedRoof): Pick<KernelRow, "status" | "statusReason"> {
  return unstable === undefined ? { status: "ok" } : { status: "unstable", statusReason: unstable };
}

/** A roof's rate is that of its fastest sample, since disturbance only slows; median and deviation say how steady it was. */
function sampleFields({ samplesNs }: PassedRoof): Pick<KernelRow, "medianNs" | "madNs" | "samples" | "samplesNs"> {
  return {
    medianNs: median([...samplesNs]),
    madNs: medianAbsoluteDeviation([...samplesNs]),
    samples: samplesNs.length,
    samplesNs: [...samplesNs],
  };
}
