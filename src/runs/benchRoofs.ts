import { median, medianAbsoluteDeviation } from "simple-statistics";
import type { Target } from "../kernels/target.ts";
import type { HostRoofs, Roof } from "../measure/roofs.ts";
import type { KernelRow } from "../record/benchRows.ts";

/** Rows of this host's roofs: multiply-add, int8 dot, and reads at each level. */
export function roofRows(roofs: HostRoofs, target: Target): KernelRow[] {
  const base = {
    row: "kernel" as const,
    kind: "measured" as const,
    target,
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
      ...(roofs.suspect ? { status: "roofSuspect" as const, statusReason: suspectReason(target) } : {}),
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
export function suspectReason(target: Target): string {
  return `the float32 roof is more than 15% below clock x ${target === "relaxed" ? 16 : 8} FLOP a cycle: a disturbed machine, or an engine that does not reach its units`;
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
