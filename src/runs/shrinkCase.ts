import { type StressCase, withPlacedFaults } from "./stressCase.ts";

export interface Shrinking {
  /** Whether something does not hold in a run of a case; races show in one run and not in the next. */
  isViolated(candidate: StressCase): Promise<boolean>;
  /** Runs of each candidate until it counts as free of violations. */
  readonly tries: number;
  /** Whether to end with what has been found. */
  isOver(): boolean;
}

/** The smallest case found in which something does not hold, by leaving out and lowering one thing after the other. */
export async function shrinkCase(violated: StressCase, shrinking: Shrinking): Promise<StressCase> {
  let smallest = violated;
  for (;;) {
    const smaller = await firstViolated(smallerCases(smallest), shrinking);
    if (smaller === undefined) return smallest;
    smallest = smaller;
  }
}

async function firstViolated(
  candidates: Iterable<StressCase>,
  { isViolated, tries, isOver }: Shrinking,
): Promise<StressCase | undefined> {
  for (const candidate of candidates) {
    for (let attempt = 0; attempt < tries; attempt++) {
      if (isOver()) return undefined;
      if (await isViolated(candidate)) return candidate;
    }
  }
  return undefined;
}

/** Cases with one thing less, the greatest savings first. Faults without a place are left out as well. */
function* smallerCases(given: StressCase): Generator<StressCase> {
  const { faults, stages, sizes, network, steps, threadsPerInstance } = given;
  const half = faults.length >> 1;
  if (half > 0) {
    yield { ...given, faults: faults.slice(0, half) };
    yield { ...given, faults: faults.slice(half) };
  }
  for (const index of faults.keys()) yield withPlacedFaults({ ...given, faults: faults.toSpliced(index, 1) });
  for (const fewer of lowered(steps)) yield withPlacedFaults({ ...given, steps: fewer });
  if (threadsPerInstance > 1) yield { ...given, threadsPerInstance: 1 };
  if (sizes.length > 1) yield withPlacedFaults({ ...given, sizes: sizes.slice(0, -1) });
  for (const key of ["attentionInstances", "ffnInstances"] as const)
    for (const fewer of lowered(given[key])) yield withPlacedFaults({ ...given, [key]: fewer });
  if (stages.kind === "kernels") yield withPlacedFaults(withEmulatedStages(given));
  else {
    for (const layers of lowered(stages.layers))
      yield withPlacedFaults({ ...given, layers, stages: { ...stages, layers } });
    if (stages.jitter.kind !== "none") yield { ...given, stages: { ...stages, jitter: { kind: "none" } } };
    if (stages.messageBytes > 4) yield { ...given, stages: { ...stages, messageBytes: 4 } };
  }
  if (sizes.some((size) => size > 1)) yield { ...given, sizes: sizes.map((size) => Math.max(1, size >> 1)) };
  if (network.linkUse !== "duplex" || network.latencyNs > 0 || network.stageNs || network.bytesPerSecond) {
    const none = {
      linkUse: "duplex",
      bytesPerSecond: undefined,
      stageNs: undefined,
      latencyNs: 0,
      jitterNs: 0,
    } as const;
    yield { ...given, network: none };
  }
}

/** One, half of it, one less: what is below a count. */
function lowered(count: number): readonly number[] {
  return [...new Set([1, count >> 1, count - 1])].filter((fewer) => fewer >= 1 && fewer < count);
}

function withEmulatedStages(given: StressCase): StressCase {
  const { layers } = given;
  const times = { attentionNs: 100e3, ffnNs: 100e3, layers, messageBytes: 64 };
  return { ...given, stages: { kind: "emulated", ...times, jitter: { kind: "none" } } };
}
