import { type InstanceCounts, instanceCounts } from "./checkFaults.ts";
import { type FaultKind, otherSide } from "./faultSpec.ts";
import type { Fault, FaultInstance, FaultPlace, MembershipFault } from "./faults.ts";
import { uniformOf } from "./seeded.ts";
import type { Division } from "./work.ts";

/** What strikes where no kinds are given: all but out of memory, which takes a second, and changes of the number of instances. */
export const randomFaultKinds: readonly FaultKind[] = [
  ...(["exit", "throw", "hang", "drop", "duplicate", "reorder", "corrupt", "delay", "slow", "slowLink"] as const),
];

export interface RandomFaults {
  readonly division: Division;
  /** Probability that a stage of an instance (one layer of one micro-batch in one step) has a fault, from 0 to 1. */
  readonly rate: number;
  readonly seed: number;
  /** Each as probable as the others; `randomFaultKinds` where left out. */
  readonly kinds?: readonly FaultKind[];
}

const mostDelayMs = 5;
const mostSteps = 3;
const mostFactor = 4;
const mostAdded = 2;

/**
 * Seeded faults: every stage of every instance is struck with the probability `rate`, so that a run of s steps, l layers, m
 * micro-batches and i instances has s x l x m x i x rate faults on average; what its message or its instance then suffers is drawn
 * as well. A draw depends on the seed and the stage alone, so a seed gives the same faults on any machine. A change of the number
 * of instances comes with the next step, and not where a side would be left empty or the run is over.
 */
export function randomFaults({ division, rate, seed, kinds = randomFaultKinds }: RandomFaults): readonly Fault[] {
  const struck = (counts: InstanceCounts, step: number) => struckStages(division, counts, step, { rate, seed, kinds });
  const changes: MembershipFault[] = [];
  for (let step = 0; step + 1 < division.steps; step++) {
    const counts = countsAt(instanceCounts(changes, division), step);
    for (const { kind, at } of struck(counts, step)) {
      if (kind !== "add" && kind !== "remove") continue;
      const change: MembershipFault = { kind, side: at.side, step: step + 1 };
      const after = countsAt(instanceCounts([...changes, change], division), step + 1)[at.side];
      const first = at.side === "attention" ? division.attentionInstances : division.ffnInstances;
      if (after >= 1 && after <= first + mostAdded) changes.push(change);
    }
  }
  const counts = instanceCounts(changes, division);
  const others = counts.flatMap((ofStep, step) => struck(ofStep, step).flatMap((stage) => faultAt(stage, counts)));
  return [...others, ...changes];
}

interface StruckStage {
  readonly kind: FaultKind;
  readonly at: FaultInstance;
  readonly place: FaultPlace;
  /** Further draws of [0, 1) for this stage. */
  draw(what: number): number;
}

/** What is drawn for a stage: whether it is struck, how, and the sizes of that. */
const draws = { strikes: 0, kind: 1, peer: 2, size: 3, steps: 4 } as const;

function struckStages(
  { layers, microBatches }: Division,
  counts: InstanceCounts,
  step: number,
  { rate, seed, kinds }: { readonly rate: number; readonly seed: number; readonly kinds: readonly FaultKind[] },
): readonly StruckStage[] {
  const stages: StruckStage[] = [];
  for (let layer = 0; layer < layers; layer++) {
    for (let microBatch = 0; microBatch < microBatches.length; microBatch++) {
      for (const side of ["attention", "ffn"] as const) {
        for (let instance = 0; instance < counts[side]; instance++) {
          const sideIndex = side === "attention" ? 0 : 1;
          const draw = (what: number) => uniformOf(seed, what, sideIndex, instance, step, layer, microBatch);
          if (draw(draws.strikes) >= rate) continue;
          const kind = kinds[Math.floor(draw(draws.kind) * kinds.length)] as FaultKind;
          stages.push({ kind, at: { side, instance }, place: { step, layer, microBatch }, draw });
        }
      }
    }
  }
  return stages;
}

function faultAt({ kind, at, place, draw }: StruckStage, counts: readonly InstanceCounts[]): readonly Fault[] {
  const peers = countsAt(counts, place.step)[otherSide(at.side)];
  const to = Math.floor(draw(draws.peer) * peers);
  const delayNs = (1 + Math.floor(draw(draws.size) * mostDelayMs)) * 1e6;
  const firstStep = place.step;
  const wished = firstStep + Math.floor(draw(draws.steps) * mostSteps);
  switch (kind) {
    case "exit":
    case "throw":
    case "outOfMemory":
    case "hang":
      return [{ kind, at, place }];
    case "drop":
    case "duplicate":
    case "reorder":
    case "corrupt":
      return [{ kind, from: at, to, place, delayNs: 0 }];
    case "delay":
      return [{ kind, from: at, to, place, delayNs }];
    case "slow": {
      const lastStep = lastStepWith([at], counts, firstStep, wished);
      return [{ kind, at, factor: 2 + Math.floor(draw(draws.size) * (mostFactor - 1)), firstStep, lastStep }];
    }
    case "slowLink": {
      const lastStep = lastStepWith([at, { side: otherSide(at.side), instance: to }], counts, firstStep, wished);
      return [{ kind, from: at, to, delayNs, firstStep, lastStep }];
    }
    case "add":
    case "remove":
      return [];
  }
}

/** The last step up to the wished one that has the instances, as those before it have. */
function lastStepWith(
  instances: readonly FaultInstance[],
  counts: readonly InstanceCounts[],
  firstStep: number,
  wished: number,
): number {
  let step = firstStep;
  while (step < wished && counts[step + 1] !== undefined) {
    const next = countsAt(counts, step + 1);
    if (!instances.every(({ side, instance }) => instance < next[side])) break;
    step++;
  }
  return step;
}

function countsAt(counts: readonly InstanceCounts[], step: number): InstanceCounts {
  return counts[step] as InstanceCounts;
}
