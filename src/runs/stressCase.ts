import { checkFaults } from "../afd/checkFaults.ts";
import type { FfnParallel } from "../afd/decodeWork.ts";
import { type FaultKind, formatFaults } from "../afd/faultSpec.ts";
import { type Fault, isCrash, type Recovery } from "../afd/faults.ts";
import type { Network } from "../afd/network.ts";
import { randomFaultKinds, randomFaults } from "../afd/randomFaults.ts";
import { uniformOf } from "../afd/seeded.ts";
import type { Division } from "../afd/work.ts";
import { InvalidInputError } from "../units/errors.ts";
import type { EmulatedStages, KernelStages, PipelineSettings } from "./pipelineSettings.ts";

/** What one run of `stress` is made from: a setting of `pipeline` with one run, and its faults. */
export interface StressCase {
  readonly attentionInstances: number;
  readonly ffnInstances: number;
  /** Sequences of each micro-batch. */
  readonly sizes: readonly number[];
  readonly steps: number;
  readonly threadsPerInstance: number;
  readonly stages: EmulatedStages | KernelStages;
  /** Layers of a step; kernel stages have those of their model. */
  readonly layers: number;
  readonly network: Network;
  readonly faults: readonly Fault[];
  readonly recovery: Recovery;
  readonly seed: number;
}

/** Layers of the model that kernel stages run: step3 at 1/128. */
const kernelDivisor = 128;
const kernelLayers = 2;

/** Share of seeds whose stages run kernels. */
const kernelShare = 0.2;

/**
 * The configuration and the faults of a seed: 1..4 instances a side, 1..4 uneven micro-batches, mostly emulated stages of
 * 50..400 us, any network and any faults, most of which a run recovers from. The same on any machine.
 */
export function stressCase(seed: number): StressCase {
  const draw = drawsOf(seed);
  const stages = draw.chance(kernelShare) ? kernelStages(draw) : emulatedStages(draw);
  const layers = stages.kind === "kernels" ? kernelLayers : stages.layers;
  const attentionInstances = draw.among([1, 1, 2, 2, 2, 3, 4]);
  const ffnInstances =
    stages.kind === "kernels" ? ffnInstancesFor(stages.ffnParallel, draw) : draw.among([1, 1, 2, 2, 2, 3, 4]);
  const sizes = Array.from({ length: draw.whole(1, 4) }, () => draw.whole(1, 4));
  const retries = draw.among([0, 1, 2, 3, 3, 3, 3, 3, 4, 6]);
  const shape = {
    ...{ attentionInstances, ffnInstances, sizes, layers, stages },
    steps: draw.whole(1, stages.kind === "kernels" ? 3 : 5),
    threadsPerInstance: draw.among([1, 1, 1, 1, 1, 2]),
  };
  const kinds = kindsOf(draw);
  const division = stressDivision(shape);
  const places = division.steps * layers * sizes.length * (attentionInstances + ffnInstances);
  const wished = draw.among([0, 1, 1, 2, 2, 3, 5]);
  const drawn = randomFaults({ division, rate: Math.min(1, wished / places), seed, kinds });
  const faults = stages.kind === "kernels" ? drawn.filter((fault) => !changesFfn(fault)) : drawn;
  return withPlacedFaults({
    ...shape,
    network: networkOf(draw),
    faults: [...faults, ...repeated(faults, draw)],
    // A message is taken for lost at once where none may be sent again, so that being late must not look like it.
    recovery: { retries, retransmitNs: retries === 0 ? 400e6 : draw.among([2e6, 10e6, 20e6]), watchdogNs: 1e9 },
    seed,
  });
}

function stressDivision({
  attentionInstances,
  ffnInstances,
  sizes,
  layers,
  steps,
}: Pick<StressCase, "attentionInstances" | "ffnInstances" | "sizes" | "layers" | "steps">): Division {
  let last = 0;
  const microBatches = sizes.map((size) => {
    last += size;
    return { first: last - size, last };
  });
  return { attentionInstances, ffnInstances, microBatches, layers, steps };
}

/** The case as `pipeline` takes it. */
export function stressSettings(given: StressCase, signal: AbortSignal): PipelineSettings {
  const { attentionInstances, ffnInstances, sizes, stages, steps, threadsPerInstance, network, recovery, seed } = given;
  return {
    ...{ stages, steps, threadsPerInstance, network, recovery, seed, signal },
    attentionInstances: [attentionInstances],
    ffnInstances: [ffnInstances],
    microBatching: { kind: "sizes", sizes },
    batch: undefined,
    warmUpSteps: 0,
    wire: "shared",
    faults: given.faults.length === 0 ? undefined : formatFaults(given.faults),
    faultRate: 0,
    check: "bits",
    onProgress: () => {},
  };
}

/** Numbers that follow from a seed, each one from its place in the order. */
interface Draws {
  uniform(): number;
  /** A whole number from `least` to `most`. */
  whole(least: number, most: number): number;
  among<Value>(values: readonly Value[]): Value;
  chance(share: number): boolean;
}

/** Tells these draws from others of the seed. */
const caseDraw = 7;

function drawsOf(seed: number): Draws {
  let drawn = 0;
  const uniform = () => uniformOf(seed, caseDraw, drawn++);
  return {
    uniform,
    whole: (least, most) => least + Math.floor(uniform() * (most - least + 1)),
    among: (values) => values[Math.floor(uniform() * values.length)] as (typeof values)[number],
    chance: (share) => uniform() < share,
  };
}

function emulatedStages(draw: Draws): EmulatedStages {
  return {
    kind: "emulated",
    attentionNs: draw.whole(1, 8) * 50e3,
    ffnNs: draw.whole(1, 8) * 50e3,
    jitter: draw.among([
      { kind: "none" },
      { kind: "none" },
      { kind: "lognormal", sigma: 0.2 },
      { kind: "uniform", share: 0.5 },
    ] as const),
    layers: draw.whole(1, 3),
    messageBytes: draw.among([4, 64, 64, 260, 4096]),
  };
}

function kernelStages(draw: Draws): KernelStages {
  const least = draw.whole(1, 20);
  return {
    kind: "kernels",
    model: { name: "step3" },
    settings: [],
    divisor: kernelDivisor,
    contextTokens: { least, most: least + draw.whole(0, 12) },
    ffnParallel: draw.among([{ kind: "ep" }, { kind: "tp" }, { kind: "tp+ep", tensorParallel: 2 }] as const),
    weightDtype: draw.among(["f32", "int8", "int4"] as const),
    kvDtype: draw.among(["f32", "bf16", "fp8", "int8", "int4"] as const),
    messages: draw.among([
      { a2f: "fp8", f2a: "bf16" },
      { a2f: "f32", f2a: "f32" },
      { a2f: "int8", f2a: "bf16" },
    ] as const),
    zipfExponent: draw.among([undefined, undefined, 1, 2]),
    target: undefined,
  };
}

function ffnInstancesFor(parallel: FfnParallel, draw: Draws): number {
  return parallel.kind === "tp+ep" ? draw.among([2, 4]) : draw.among([1, 2, 3]);
}

function networkOf(draw: Draws): Network {
  const linkUse = draw.among(["duplex", "shared", "pair"] as const);
  const none = { linkUse, bytesPerSecond: undefined, stageNs: undefined, latencyNs: 0, jitterNs: 0 };
  const jitterNs = draw.among([0, 0, 50e3]);
  return draw.among([
    none,
    none,
    { ...none, latencyNs: 100e3, jitterNs },
    { ...none, stageNs: 100e3, jitterNs },
    { ...none, bytesPerSecond: 10e6, latencyNs: 20e3, jitterNs },
  ]);
}

/** Faults that a seed draws from: a hang costs the watchdog's time and an exhausted heap a good part of a second, so few have them. */
function kindsOf(draw: Draws): readonly FaultKind[] {
  const quick = randomFaultKinds.filter((kind) => kind !== "hang");
  const kinds: FaultKind[] = draw.among([
    [...quick],
    [...quick],
    ["exit", "throw"],
    ["drop", "corrupt", "exit", "throw"],
  ]);
  if (draw.chance(0.12)) kinds.push("hang");
  if (draw.chance(0.05)) kinds.push("outOfMemory");
  if (draw.chance(0.25)) kinds.push("add", "remove");
  return kinds;
}

/** Not any number of FFN instances can divide a model. */
function changesFfn(fault: Fault): boolean {
  return (fault.kind === "add" || fault.kind === "remove") && fault.side === "ffn";
}

/** Now and then an instance dies once more where it has just died. */
function repeated(faults: readonly Fault[], draw: Draws): readonly Fault[] {
  const crash = faults.find((fault) => isCrash(fault) && fault.kind !== "hang" && fault.kind !== "outOfMemory");
  return crash !== undefined && draw.chance(0.3) ? [crash] : [];
}

/** Leaves out the faults that a changed case has no place for. */
export function withPlacedFaults(given: StressCase): StressCase {
  const division = stressDivision(given);
  const placed: Fault[] = [];
  for (const fault of given.faults) {
    try {
      checkFaults([...placed, fault], division);
      placed.push(fault);
    } catch (error) {
      if (!(error instanceof InvalidInputError)) throw error;
    }
  }
  return { ...given, faults: placed };
}
