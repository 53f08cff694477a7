import type { PricedAccelerator } from "../hardware/accelerator.ts";
import type { PipelineBound } from "../theory/pipeline.ts";
import {
  type AfdDeployment,
  type AttentionSide,
  attentionSide,
  type FfnSide,
  ffnSide,
  joinedRates,
} from "../theory/stageTimes.ts";
import { attentionBytes, cacheBytes, differingSequencesThatFit, ffnBytes, usableBytes } from "./cardMemory.ts";
import { type FoundBatch, largestAfdBatch } from "./planBatch.ts";
import { boundsOf, boundWithin } from "./planBounds.ts";
import {
  type AfdPlan,
  type Cut,
  compareScores,
  type Objective,
  type PlanQuestion,
  scoreOf,
  usdPerMillion,
} from "./planQuestion.ts";

/** What a search found. */
export interface AfdSearch {
  /** The best first, one of each pairing of hardware and ratio of attention to FFN cards. */
  readonly plans: readonly AfdPlan[];
  /** Deployments that there are: of instances, cards, parallelism, precision, hardware and micro-batches. */
  readonly deployments: number;
  /** Those for which the largest batch was looked for. */
  readonly evaluated: number;
  readonly cuts: Readonly<Record<Cut, number>>;
  /** The fastest step that any deployment has, of one token a micro-batch. */
  readonly least: LeastStep | undefined;
  /** The most sequences that one within the TPOT serves, whether the objective takes it or not. */
  readonly mostSequences: number;
}

/** The fastest step and what it waits for, with its allowance for jitter. */
export interface LeastStep {
  readonly tpotNs: number;
  readonly bound: PipelineBound;
  readonly deployment: AfdDeployment;
}

/** An attention side with what it holds; the number of its instances is open. */
interface HeldAttention {
  readonly side: AttentionSide;
  readonly on: PricedAccelerator;
  readonly sequencesPerCard: number;
}

interface HeldFfn {
  readonly side: FfnSide;
  readonly on: PricedAccelerator;
  readonly weightBytes: number;
  readonly usable: number;
}

/**
 * The best deployments on attention and FFN instances. A deployment that bounds alone show not to serve, or not to be
 * among the `most` best, is cut; what is left gets its largest batch, which is its best.
 */
export function searchAfd(question: PlanQuestion, most: number): AfdSearch {
  const attentions = attentionSides(question);
  const tally = new Tally();
  const best = new Best(question.objective, most);
  for (const ffn of ffnSides(question)) {
    const left = question.maxCards - ffn.side.group.instances * ffn.side.group.cards;
    for (const attention of attentions) {
      const mostInstances = Math.floor(left / attention.side.group.cards);
      for (let instances = 1; instances <= mostInstances; instances += 1) {
        tally.deployments += question.microBatches.length;
        if (ffn.weightBytes <= ffn.usable) consider({ attention, ffn, instances }, question, best, tally);
        else tally.cuts.memory += question.microBatches.length;
      }
    }
  }
  const { deployments, evaluated, cuts, least, mostSequences } = tally;
  return { plans: best.sorted(), deployments, evaluated, cuts, least, mostSequences };
}

/** The two sides of a deployment. */
interface Sides {
  readonly attention: HeldAttention;
  readonly ffn: HeldFfn;
  readonly instances: number;
}

/** Looks at a deployment with every number of micro-batches. */
function consider(sides: Sides, question: PlanQuestion, best: Best, tally: Tally): void {
  const { attention, ffn, instances } = sides;
  const { efficiency, sequences = Number.POSITIVE_INFINITY } = question;
  const attentionCards = instances * attention.side.group.cards;
  const ffnCards = ffn.side.group.instances * ffn.side.group.cards;
  const cards = attentionCards + ffnCards;
  const usdPerHour = attentionCards * attention.on.usdPerHour + ffnCards * ffn.on.usdPerHour;
  const rates = joinedRates(attention.side, ffn.side, instances);
  const bounds = boundsOf(rates);
  const stepNs = question.tpotNs - efficiency.jitterNs;
  const deployment = (): AfdDeployment => ({
    attention: { ...attention.side.group, instances },
    ffn: ffn.side.group,
  });
  for (const microBatches of question.microBatches) {
    const perMicroBatch = Math.floor(attention.sequencesPerCard / microBatches);
    if (perMicroBatch < 1) {
      tally.cuts.memory += 1;
      continue;
    }
    const bound = boundWithin(bounds, perMicroBatch * attentionCards, microBatches, stepNs, question);
    const hoped = { cards, ...rateOf(bound.tokens * microBatches, bound.stepNs + efficiency.jitterNs, usdPerHour) };
    if (bound.tokens >= 1 && !best.mayTake(hoped)) {
      tally.cuts[bound.cut] += 1;
      continue;
    }
    tally.evaluated += 1;
    const limits = { stepNs, sequencesPerCard: attention.sequencesPerCard, sequences: question.sequences };
    const found = largestAfdBatch(rates, microBatches, limits, question.linkUse);
    const tpotNs = found.stepNs + efficiency.jitterNs;
    if (found.microBatchTokens < 1) {
      if (found.limit === "time") tally.tooSlow({ tpotNs, bound: found.bound }, deployment);
      continue;
    }
    const batch = found.microBatchTokens * microBatches;
    tally.mostSequences = Math.max(tally.mostSequences, batch);
    // Fewest cards are those of all sequences; micro-batches are equal, so that up to m - 1 may be over.
    if (question.objective === "cards" && sequences - batch >= microBatches && Number.isFinite(sequences)) continue;
    const served = { cards, ...rateOf(batch, tpotNs, usdPerHour) };
    best.take(keyOf(sides), served, () => planOf(deployment(), microBatches, found, tpotNs, served));
  }
}

/** What became of the deployments of a search. */
class Tally {
  deployments = 0;
  evaluated = 0;
  readonly cuts: Record<Cut, number> = { memory: 0, network: 0, sparsity: 0, attention: 0, ffn: 0, roundTrip: 0 };
  least: LeastStep | undefined;
  mostSequences = 0;

  tooSlow(step: Pick<LeastStep, "tpotNs" | "bound">, deployment: () => AfdDeployment): void {
    this.cuts[step.bound] += 1;
    if (this.least !== undefined && this.least.tpotNs <= step.tpotNs) return;
    this.least = { ...step, deployment: deployment() };
  }
}

function planOf(
  deployment: AfdDeployment,
  microBatches: number,
  { microBatchTokens, bound, limit }: FoundBatch<PipelineBound>,
  tpotNs: number,
  served: Pick<AfdPlan, "cards" | "tokensPerSecond" | "usdPerMillionTokens">,
): AfdPlan {
  const batch = microBatchTokens * microBatches;
  return { kind: "afd", deployment, microBatches, microBatchTokens, batch, tpotNs, bound, limit, ...served };
}

/** Plans of one pairing and one ratio of cards differ little: the best of them stands for all. */
function keyOf({ attention, ffn, instances }: Sides): string {
  const { group } = ffn.side;
  const ratio = (instances * attention.side.group.cards) / (group.instances * group.cards);
  return `${attention.on.name} ${ffn.on.name} ${ratio}`;
}

function attentionSides(question: PlanQuestion): HeldAttention[] {
  const { card, efficiency } = question;
  return question.attentionOn.flatMap((on) =>
    question.precisions.flatMap((precision) =>
      cardsOfInstances(question, on).map((cards): HeldAttention => {
        const bytes = cacheBytes(on, attentionBytes(card, cards), efficiency);
        return {
          side: attentionSide(card, question, { accelerator: on, instances: 1, cards, precision }, efficiency),
          on,
          sequencesPerCard: differingSequencesThatFit(bytes, question, precision),
        };
      }),
    ),
  );
}

function ffnSides(question: PlanQuestion): HeldFfn[] {
  const { card, efficiency, maxCards } = question;
  return question.ffnOn.flatMap((on) =>
    question.parallelisms.flatMap((parallelism) =>
      copiesFor(question, parallelism).flatMap((redundantExperts) =>
        cardsOfInstances(question, on).flatMap((cards) =>
          Array.from({ length: Math.floor((maxCards - 1) / cards) }, (_, index): HeldFfn => {
            const instances = index + 1;
            const popularityFactor = question.popularityFactor?.(
              parallelism === "expert" ? instances * cards : instances,
            );
            const group = { accelerator: on, instances, cards, parallelism, redundantExperts, popularityFactor };
            return {
              side: ffnSide(card, group, efficiency),
              on,
              weightBytes: ffnBytes(card, group, efficiency),
              usable: usableBytes(on, efficiency),
            };
          }),
        ),
      ),
    ),
  );
}

/** Only experts that are whole on a card have copies. */
function copiesFor({ card, redundantExperts }: PlanQuestion, parallelism: "expert" | "tensor"): readonly number[] {
  const hasExperts = card.layers.some(({ ffn }) => ffn.kind === "moe");
  return hasExperts && parallelism === "expert" ? redundantExperts : [0];
}

function cardsOfInstances({ instanceCards }: PlanQuestion, { cardsPerServer }: PricedAccelerator): readonly number[] {
  return instanceCards.filter((cards) => cards <= (cardsPerServer ?? cards));
}

function rateOf(
  batch: number,
  tpotNs: number,
  usdPerHour: number,
): { readonly tokensPerSecond: number; readonly usdPerMillionTokens: number } {
  const tokensPerSecond = (batch / tpotNs) * 1e9;
  return { tokensPerSecond, usdPerMillionTokens: usdPerMillion(usdPerHour, tokensPerSecond) };
}

/** The best plans so far, one for each key. */
class Best {
  readonly #plans = new Map<string, { readonly score: readonly [number, number]; readonly make: () => AfdPlan }>();
  readonly #objective: Objective;
  readonly #most: number;
  #worst: readonly [number, number] | undefined;

  constructor(objective: Objective, most: number) {
    this.#objective = objective;
    this.#most = most;
  }

  /** Whether a plan this good would be among the best. */
  mayTake(served: Parameters<typeof scoreOf>[0]): boolean {
    return this.#worst === undefined || compareScores(scoreOf(served, this.#objective), this.#worst) < 0;
  }

  take(key: string, served: Parameters<typeof scoreOf>[0], make: () => AfdPlan): void {
    const score = scoreOf(served, this.#objective);
    const own = this.#plans.get(key);
    if (own !== undefined && compareScores(own.score, score) <= 0) return;
    if (own === undefined && !this.mayTake(served)) return;
    this.#plans.set(key, { score, make });
    if (this.#plans.size < this.#most) return;
    const scores = [...this.#plans.entries()].sort((one, other) => compareScores(one[1].score, other[1].score));
    for (const [dropped] of scores.slice(this.#most)) this.#plans.delete(dropped);
    this.#worst = scores[this.#most - 1]?.[1].score;
  }

  sorted(): readonly AfdPlan[] {
    return [...this.#plans.values()]
      .sort((one, other) => compareScores(one.score, other.score))
      .map(({ make }) => make());
  }
}
