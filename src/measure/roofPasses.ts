import type { ResidentPool } from "../host/pool.ts";
import type { VectorBits } from "../host/vectorWidth.ts";
import { createMemory, instantiateKernels } from "../kernels/load.ts";
import type { RoofLoop } from "../kernels/roofs.ts";
import { judgeRoofs, type RatedRoof, spreadOf, type Verdict } from "./judgeRoofs.ts";
import { flopsPerCycle, type RoofPlan } from "./roofPlan.ts";
import { startRunner } from "./runner.ts";

/** How often a calibration is gone through. */
export interface PassCount {
  /** Passes at least, for every roof. */
  readonly least: number;
  /** Passes at most, for roofs that are refused or let hope. */
  readonly most: number;
  /** Time of one roof in one pass: longer than a time slice of another process, so that some samples fall between. */
  readonly passNs: number;
}

/** What calibrations run on. */
export interface RoofRun {
  /** Of as many threads as the plan with most of them. */
  readonly pool: ResidentPool;
  readonly cores: number;
  readonly vectorBits: VectorBits;
  /** Ends after the loop at work; what was measured is kept. */
  readonly signal: AbortSignal;
  /** Told before each roof of a pass over so many. */
  onRoof?(plan: RoofPlan, pass: number, roofs: number): void;
}

/** A roof after its passes. */
export interface PassedRoof {
  readonly plan: RoofPlan;
  /** The tile or working set that reached it. */
  readonly form: string;
  /** FLOP/s, int8 operations a second, or bytes a second, over all threads: that of the fastest sample, since disturbance only slows. */
  readonly perSecond: number;
  /** Samples of that form in all passes. */
  readonly samplesNs: readonly number[];
  readonly workPerCall: number;
  readonly passes: number;
  /** Absent below three passes. */
  readonly spread?: number;
  /** Why it is unstable: what the last verdict refused it for. */
  readonly unstable?: string;
}

/** Samples of a loop in one pass. */
const minSamples = 7;
/** The engine compiles a loop anew once it is hot: the first calls do not count. */
const firstWarmups = 3;
/** After the least passes, forms farther below the best than this are left out. */
const promisingShare = 0.75;

/**
 * Measures roofs in passes: each pass goes over all of them, so that a disturbance of seconds meets each roof once and not throughout.
 * Roofs that the verdict refuses, or hopes more of, are passed over again until none is left or `most` is reached.
 *
 * @param known roofs that stand from an earlier run, to judge by.
 * @returns the roofs in the plans' order; where the signal aborts, those that have been passed over.
 */
export async function measurePasses(
  run: RoofRun,
  plans: readonly RoofPlan[],
  count: PassCount,
  known: readonly RatedRoof[] = [],
): Promise<readonly PassedRoof[]> {
  const states = plans.map(stateOf);
  shareMemory(states);
  let verdicts: readonly Verdict[] = [];
  try {
    for (let pass = 1; pass <= count.most; pass++) {
      const again = states.filter((_, index) => pass <= count.least || verdicts[index]?.kind !== "stands");
      if (again.length === 0) break;
      for (const state of again) {
        run.signal.throwIfAborted();
        run.onRoof?.(state.plan, pass, again.length);
        await passOver(run, state, count.passNs);
      }
      if (pass >= count.least) {
        for (const state of states) state.live = promising(state);
        verdicts = verdictsOf(states, known, run.vectorBits);
      }
    }
  } catch (error) {
    if (!run.signal.aborted) throw error;
    verdicts = verdictsOf(states, known, run.vectorBits);
  }
  return states.flatMap((state, index) => (state.passRates.length === 0 ? [] : [passedRoof(state, verdicts[index])]));
}

interface State {
  readonly plan: RoofPlan;
  readonly passRates: number[];
  readonly samplesNs: Map<RoofLoop, number[]>;
  live: readonly RoofLoop[];
  memory: () => WebAssembly.Memory;
}

function stateOf(plan: RoofPlan): State {
  const bytes = Math.max(...plan.loops.map(({ totalBytes }) => totalBytes));
  let memory: WebAssembly.Memory | undefined;
  return {
    plan,
    passRates: [],
    samplesNs: new Map(),
    live: plan.loops,
    memory: () => (memory ??= createMemory(bytes)),
  };
}

/** Reads do not care what they read: one memory serves them all, filled once by the loop that takes most of it. */
function shareMemory(states: readonly State[]): void {
  const reads = states.filter(({ plan }) => plan.kernel === "roof.read");
  const loops = reads.flatMap(({ plan }) => plan.loops.map((loop) => ({ loop, module: plan.module })));
  const [first, ...others] = loops;
  if (first === undefined) return;
  const largest = others.reduce((one, other) => (other.loop.totalBytes > one.loop.totalBytes ? other : one), first);
  let memory: WebAssembly.Memory | undefined;
  const shared = (): WebAssembly.Memory => {
    if (memory === undefined) {
      memory = createMemory(largest.loop.totalBytes);
      largest.loop.prepare(instantiateKernels(largest.module, memory));
    }
    return memory;
  };
  for (const state of reads) state.memory = shared;
}

async function passOver(run: RoofRun, state: State, passNs: number): Promise<void> {
  const minTimeNs = passNs / state.live.length;
  let best = 0;
  for (const loop of state.live) best = Math.max(best, await runLoop(run, state, loop, minTimeNs));
  state.passRates.push(best);
}

/** Rate of the fastest of a pass's samples. */
async function runLoop(
  { pool, cores, signal }: RoofRun,
  state: State,
  loop: RoofLoop,
  minTimeNs: number,
): Promise<number> {
  const { plan, samplesNs: ofLoop } = state;
  const memory = state.memory();
  if (plan.kernel !== "roof.read") loop.prepare(instantiateKernels(plan.module, memory));
  const programs = Array.from({ length: plan.threads }, (_, rank) => loop.steps(rank));
  const runner = startRunner(pool, plan.module, memory, programs, cores, signal);
  const samplesNs: number[] = [];
  try {
    await runner.run(ofLoop.has(loop) ? 1 : firstWarmups);
    for (let totalNs = 0; samplesNs.length < minSamples || totalNs < minTimeNs; totalNs += samplesNs.at(-1) ?? 0) {
      samplesNs.push((await runner.run(1))[0] as number);
    }
  } finally {
    await runner.stop();
  }
  ofLoop.set(loop, [...(ofLoop.get(loop) ?? []), ...samplesNs]);
  return rateOf(plan, loop, samplesNs);
}

function rateOf({ threads }: RoofPlan, loop: RoofLoop, samplesNs: readonly number[]): number {
  return ((loop.work * threads) / fewest(samplesNs)) * 1e9;
}

function fewest(samplesNs: readonly number[]): number {
  return samplesNs.reduce((one, other) => Math.min(one, other));
}

function bestRate({ plan, samplesNs }: State, loop: RoofLoop): number {
  const samples = samplesNs.get(loop);
  return samples === undefined ? 0 : rateOf(plan, loop, samples);
}

function promising(state: State): readonly RoofLoop[] {
  const rates = state.live.map((loop) => bestRate(state, loop));
  const best = Math.max(...rates);
  return state.live.filter((_, index) => (rates[index] as number) >= promisingShare * best);
}

function verdictsOf(states: readonly State[], known: readonly RatedRoof[], vectorBits: VectorBits): readonly Verdict[] {
  const clockHz = Math.max(
    0,
    ...states.filter(({ plan }) => plan.kernel === "clock").map(({ passRates }) => Math.max(0, ...passRates)),
  );
  const own = states.map(({ plan, passRates }): RatedRoof => {
    const { kernel, target, threads, level } = plan;
    const spread = spreadOf(passRates);
    return {
      ...{ kernel, target, threads },
      perSecond: Math.max(0, ...passRates),
      ...(level === undefined ? {} : { level }),
      ...(spread === undefined ? {} : { spread }),
      ...(kernel === "roof.multiplyAdd" && clockHz > 0
        ? { allowedPerSecond: clockHz * flopsPerCycle(target, vectorBits) * threads }
        : {}),
    };
  });
  return judgeRoofs([...own, ...known]).slice(0, own.length);
}

function passedRoof(state: State, verdict: Verdict | undefined): PassedRoof {
  const { plan, passRates, samplesNs } = state;
  const loops = [...samplesNs.keys()];
  const form = loops.reduce((one, other) => (bestRate(state, other) > bestRate(state, one) ? other : one));
  const spread = spreadOf(passRates);
  return {
    plan,
    form: form.form,
    perSecond: bestRate(state, form),
    samplesNs: samplesNs.get(form) ?? [],
    workPerCall: form.work * plan.threads,
    passes: passRates.length,
    ...(spread === undefined ? {} : { spread }),
    ...(verdict?.kind === "refused" ? { unstable: verdict.reason } : {}),
  };
}
