import type { KernelRow } from "./dataSchema.ts";

/** What of a measured time is the host's. */
export interface HostPart {
  /** Adds to each call: launches of calls that were timed one by one. */
  readonly addsNs: number;
  /** Takes this long while the device works: times of queued calls don't fall below it. */
  readonly leastNs: number;
}

/** Published tables whose times hold the host's part; the first entry that fits counts. */
const TABLES: readonly { readonly repo: string; readonly path: string; readonly host: HostPart }[] = [
  // Goes down to 10 us, where other tables of the same kernel end at 26 us.
  {
    repo: "alibaba/InferSim",
    path: "bench_data/mha/decode/h20/32-8-128.csv",
    host: { addsNs: 0, leastNs: 0 },
  },
  // Timed from Python.
  { repo: "alibaba/InferSim", path: "bench_data/mha/decode/", host: { addsNs: 16_000, leastNs: 0 } },
  // Eager calls: those below 30 MB take 82 us in the median, whatever their bytes.
  {
    repo: "NetX-lab/Frontier",
    path: "data/profiling/compute/a800/qwen3-a3b-30b-moe/attention.csv",
    host: { addsNs: 0, leastNs: 80_000 },
  },
];

/** What a call that is timed from Python costs its host, where a file says no more than that. */
const EAGER_HOST_NS = 16_000;

/** Steepness of the corner between the host's time and the device's. */
const STEEPNESS = 4;

/**
 * The host's part in a row's time: what the row says, else what is known of the table that it comes from, else none.
 *
 * @param repo that the file names
 * @param path of the table, as the row names it
 */
export function hostPartOf(
  { timing, hostUs }: Pick<KernelRow, "timing" | "hostUs">,
  repo: string | undefined,
  path: string | undefined,
): HostPart {
  if (timing !== undefined || hostUs !== undefined) {
    return { addsNs: timing === "eager" ? EAGER_HOST_NS : 0, leastNs: (hostUs ?? 0) * 1e3 };
  }
  const table = TABLES.find((known) => known.repo === repo && path?.startsWith(known.path));
  return table?.host ?? { addsNs: 0, leastNs: 0 };
}

/** A kernel's time as it is measured with the host's part. */
export function withHost(kernelNs: number, { addsNs, leastNs }: HostPart): number {
  return addsNs + (kernelNs ** STEEPNESS + leastNs ** STEEPNESS) ** (1 / STEEPNESS);
}
