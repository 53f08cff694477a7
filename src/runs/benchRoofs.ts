import { median, medianAbsoluteDeviation } from "simple-statistics";
import type { VectorBits } from "../host/vectorWidth.ts";
import type { Target } from "../kernels/target.ts";
import { flopsPerCycle, type HostRoofs, type Roof } from "../measure/roofs.ts";
import type { KernelRow } from "../record/benchRows.ts";

/** Rows of this host's roofs: multiply-add, int8 dot, and reads at each level. */
export function roofRows(roofs: HostRoofs, target: Target, vectorBits: VectorBits): KernelRow[] {
  const base = {
    row: "kernel" as const,
    kind: "measured" as const,
    target,
    ...revectorized(vectorBits),
    threads: roofs.threads,
    status: "ok" as const,
  };
  const peak = (kernel: string, dtype: string, roof: Roof): KernelRow => ({
    ...base,
    kernel,
    dtype,
    shape: `tile=${roof.form}`,
    ...spread(roof),
    flops: roof.workPerCall,
    flopsPerSecond: roof.perSecond,
  });
  return [
    {
      ...peak("roof.multiplyAdd", "f32", roofs.float32),
      clockHz: roofs.clockHz,
      ...(roofs.suspect ? { status: "roofSuspect" as const, statusReason: suspectReason(target, vectorBits) } : {}),
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
        ...spread(roof),
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

/** A roof's rate is that of its fastest sample, since disturbance only slows; median and spread say how steady it was. */
function spread({ samplesNs }: Roof): Pick<KernelRow, "medianNs" | "madNs" | "samples" | "samplesNs"> {
  return {
    medianNs: median([...samplesNs]),
    madNs: medianAbsoluteDeviation([...samplesNs]),
    samples: samplesNs.length,
    samplesNs: [...samplesNs],
  };
}
