import { Bench } from "tinybench";

/** How long and how often a row is measured. */
export interface SamplePlan {
  /** Samples at least. */
  readonly minSamples: number;
  /** Samples at least where one takes longer than `slowNs`. */
  readonly minSlowSamples: number;
  readonly slowNs: number;
  /** Time at least. */
  readonly minTimeNs: number;
  readonly warmups: number;
  /** A sample repeats the call until it is this long. */
  readonly minSampleNs: number;
}

/** Samples of one row. */
export interface Samples {
  readonly samplesNs: readonly number[];
  readonly medianNs: number;
  /** Median absolute deviation, unscaled. */
  readonly madNs: number;
  /** Absent below 100 samples: there is no 99th percentile of fewer. */
  readonly p99Ns?: number;
}

/**
 * Samples a call with tinybench: a probe tells how many calls make a sample, then warm-up, then samples until there are enough and
 * enough time has passed. The call returns its own nanoseconds (between two barriers of the kernel threads), so what it costs to
 * start one is in no sample.
 *
 * @throws whatever the call throws; an aborted signal ends with what was sampled, or throws where that is nothing.
 */
export async function sampleCall(
  callNs: (calls: number) => Promise<number>,
  plan: SamplePlan,
  signal: AbortSignal,
): Promise<Samples> {
  const probeNs = await callNs(1);
  const calls = Math.max(1, Math.ceil(plan.minSampleNs / Math.max(1, probeNs)));
  const slow = probeNs > plan.slowNs;
  let failure: unknown;
  const bench = new Bench({
    iterations: slow ? plan.minSlowSamples : plan.minSamples,
    time: slow ? 1e-6 : plan.minTimeNs / 1e6,
    warmupIterations: slow ? Math.min(1, plan.warmups) : plan.warmups,
    warmupTime: 1e-6,
    warmup: plan.warmups > 0,
    retainSamples: true,
    signal,
  });
  bench.add(
    "call",
    async () => {
      try {
        const ns = await callNs(calls);
        return { overriddenDuration: ns / 1e6, overriddenIterationCost: (ns * calls) / 1e6 };
      } catch (error) {
        failure ??= error;
        throw error;
      }
    },
    { async: true },
  );
  await bench.run();
  const result = bench.tasks[0]?.result;
  if (failure !== undefined && !signal.aborted) throw failure;
  if (result === undefined || !("latency" in result) || result.latency === undefined) {
    throw failure ?? new DOMException("interrupted before the first sample", "AbortError");
  }
  const { latency } = result;
  const samplesNs = (latency.samples ?? []).map((ms) => ms * 1e6);
  return {
    samplesNs,
    medianNs: latency.p50 * 1e6,
    madNs: latency.mad * 1e6,
    ...(samplesNs.length >= 100 ? { p99Ns: latency.p99 * 1e6 } : {}),
  };
}
