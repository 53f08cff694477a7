import { type Accelerator, type PricedAccelerator, requirePrice } from "../hardware/accelerator.ts";
import { DOCUMENT_SCHEMA } from "../record/document.ts";
import type { CutPlanRow, DeploymentPlanRow, FrontPlanRow, PlanRow, TurnPlanRow } from "../record/planRows.ts";
import type { PlanDocument } from "../record/schemas.ts";
import { type PlanAnswer, plan as planFor, type RankedPlan, type Turn } from "../simulate/plan.ts";
import { CUTS, type Objective, type Plan, type PlanQuestion } from "../simulate/planQuestion.ts";
import { stageSums } from "../simulate/planStages.ts";
import type { AttentionPrecision } from "../theory/attentionStage.ts";
import { EFFICIENCY, EFFICIENCY_NAMES, type Efficiency } from "../theory/efficiency.ts";
import type { FfnParallelism } from "../theory/ffnStage.ts";
import type { LinkUse } from "../theory/pipeline.ts";
import { InvalidInputError } from "../units/errors.ts";
import { formatDuration, formatPercent } from "../units/format.ts";
import { parseSetting } from "../units/parse.ts";
import { recordEnvironment } from "./environment.ts";
import type { HardwareItem } from "./hardware.ts";
import { modelsAndHardware } from "./inUse.ts";
import { cardNotes, type ModelChoice } from "./models.ts";
import { deploymentName } from "./planNames.ts";

/** What `plan` looks for. */
export interface PlanSettings {
  readonly model: ModelChoice;
  readonly contexts: readonly number[];
  readonly tpotNs: number;
  /** Names, `all`, or accelerators of the caller's own; none: those of the Step-3 report. */
  readonly hardware: readonly HardwareItem[];
  /** Of those the ones that attention may stand on; none: all. */
  readonly attentionOn: readonly string[];
  readonly ffnOn: readonly string[];
  readonly maxCards: number;
  readonly objective: Objective;
  /** Sequences that there are at once; absent: as many as fit. */
  readonly sequences?: number;
  readonly precisions: readonly AttentionPrecision[];
  readonly parallelisms: readonly FfnParallelism[];
  readonly redundantExperts: readonly number[];
  readonly microBatches: readonly number[];
  readonly instanceCards: readonly number[];
  readonly linkUse: LinkUse;
  /** Deployments to name. */
  readonly top: number;
  /** Fields of the model, figures of accelerators, and constants as `efficiency.NAME=VALUE`. */
  readonly settings: readonly string[];
}

/**
 * The best deployments of a model within a TPOT, at each context: attention and FFN instances, beside plain deployments.
 * @throws InvalidInputError on an unknown name, a figure that is missing, or a setting that does not fit
 * @throws InfeasibleError where nothing meets the TPOT, or holds the model
 */
export async function plan(settings: PlanSettings): Promise<PlanDocument> {
  const isConstant = (text: string) => parseSetting(text).name.toLowerCase() === "efficiency";
  const efficiency = settings.settings.filter(isConstant).reduce(withConstant, EFFICIENCY);
  const { models, hardware } = await modelsAndHardware({
    models: [settings.model],
    hardware: hardwareOf(settings),
    settings: settings.settings.filter((text) => !isConstant(text)),
  });
  const [card] = models;
  if (card === undefined) throw new Error("no model to plan for");
  const usable = usableHardware(hardware.accelerators, hardware.unasked);
  checkInstanceCards(settings.instanceCards, usable);
  const answers = settings.contexts.map((contextTokens) => {
    const question: PlanQuestion = {
      card,
      contextTokens,
      tpotNs: settings.tpotNs,
      sequences: settings.sequences,
      objective: settings.objective,
      maxCards: settings.maxCards,
      attentionOn: sideOf("--attention-on", settings.attentionOn, usable),
      ffnOn: sideOf("--ffn-on", settings.ffnOn, usable),
      precisions: settings.precisions,
      parallelisms: settings.parallelisms,
      redundantExperts: settings.redundantExperts,
      microBatches: settings.microBatches,
      instanceCards: settings.instanceCards,
      linkUse: settings.linkUse,
      efficiency,
    };
    return { question, answer: planFor(question, settings.top) };
  });
  return {
    schema: DOCUMENT_SCHEMA,
    command: "plan",
    environment: recordEnvironment(),
    rows: answers.flatMap(({ question, answer }) => rowsOf(question, answer)),
    notes: [
      ...answers.map(({ question, answer }) => adviceOf(question, answer)),
      ...answers.flatMap(({ question, answer }) => confirmationOf(question, answer)),
      "All values are modeled: stage times from the model's configuration and accelerators' figures, with one set of constants (docs/plan.md) that was checked against Table 8 of the Step-3 report on H800 alone.",
      `TPOT is a step's mean and has ${formatDuration(efficiency.jitterNs)} for jitter and stragglers in it; embeddings, output head and prefill are left out.`,
      ...(Math.max(...settings.contexts) <= card.maxContextTokens
        ? []
        : [
            `${Math.max(...settings.contexts)} tokens are beyond the longest context of ${card.name} (${card.maxContextTokens}).`,
          ]),
      ...(usable.length === hardware.accelerators.length
        ? []
        : [
            `Left out, having no price or network: ${hardware.accelerators
              .filter(({ name }) => !usable.some((one) => one.name === name))
              .map(({ name }) => name)
              .join(", ")}.`,
          ]),
      ...hardware.notes,
      ...cardNotes(models),
    ],
  };
}

/** Those that a side names are in use as well. */
function hardwareOf({ hardware, attentionOn, ffnOn }: PlanSettings): readonly HardwareItem[] {
  const named = [...attentionOn, ...ffnOn];
  if (hardware.length > 0) {
    const known = hardware.map((item) => (typeof item === "string" ? item : item.name).trim().toLowerCase());
    return known.includes("all")
      ? hardware
      : [...hardware, ...named.filter((name) => !known.includes(name.toLowerCase()))];
  }
  return attentionOn.length > 0 && ffnOn.length > 0 ? named : [];
}

/** Accelerators with all figures that plans need; of those that `all` brought, the others are left out. */
function usableHardware(
  accelerators: readonly Accelerator[],
  unasked: readonly string[],
): readonly PricedAccelerator[] {
  return accelerators
    .filter(
      ({ name, usdPerHour, networkBytesPerSecond, cardsPerServer }) =>
        !unasked.includes(name) ||
        (usdPerHour !== undefined && networkBytesPerSecond !== undefined && cardsPerServer !== undefined),
    )
    .map(requirePrice);
}

/** An instance stands in one server. */
function checkInstanceCards(instanceCards: readonly number[], usable: readonly PricedAccelerator[]): void {
  const most = Math.max(...usable.map(({ cardsPerServer }) => cardsPerServer ?? Number.POSITIVE_INFINITY));
  if (instanceCards.some((cards) => cards <= most)) return;
  const expected = `at least one number of cards that a server has: ${most} at most`;
  throw new InvalidInputError({ field: "--instance-cards", value: instanceCards.join(","), expected });
}

function sideOf(
  field: string,
  names: readonly string[],
  usable: readonly PricedAccelerator[],
): readonly PricedAccelerator[] {
  if (names.length === 0) return usable;
  return names.map((name) => {
    const found = usable.find((accelerator) => accelerator.name === name.trim().toLowerCase());
    if (found !== undefined) return found;
    const known = usable.map((accelerator) => accelerator.name);
    throw new InvalidInputError({ field, value: name, expected: `an accelerator in use: ${known.join(", ")}`, known });
  });
}

/** The constants with one replaced. */
function withConstant(efficiency: Efficiency, text: string): Efficiency {
  const { path, value } = parseSetting(text);
  const field = `--set efficiency.${path}`;
  const name = EFFICIENCY_NAMES.find((known) => known === path);
  if (name === undefined) {
    const expected = `one of ${EFFICIENCY_NAMES.join(", ")}`;
    throw new InvalidInputError({ field, value: path, expected, known: EFFICIENCY_NAMES });
  }
  const number = /^(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(value.trim()) ? Number(value) : Number.NaN;
  const [least, most] = allowedConstant(name);
  if (number >= least && number <= most) return { ...efficiency, [name]: number };
  throw new InvalidInputError({ field, value, expected: `a number from ${least} to ${most}` });
}

function allowedConstant(name: keyof Efficiency): readonly [least: number, most: number] {
  if (name.endsWith("Share")) return [0.001, 1];
  if (name.endsWith("Ns")) return [0, 1e9];
  return name === "hottestCardFactor" ? [1, 100] : [1e6, 1e15];
}

function rowsOf(question: PlanQuestion, answer: PlanAnswer): PlanRow[] {
  const place = { kind: "modeled", model: question.card.name, contextTokens: question.contextTokens } as const;
  const [best] = answer.ranked;
  if (best === undefined) throw new Error("an answer without deployments");
  return [
    ...answer.ranked.map((ranked, index) => deploymentRow(place, question, ranked, index + 1, best.plan)),
    ...CUTS.map((bound): CutPlanRow => {
      const considered = answer.search.deployments;
      return { row: "cut", ...place, bound, deployments: answer.search.cuts[bound], considered };
    }),
    ...answer.turns.map((turn) => turnRow(place, turn)),
    ...answer.front.map(({ plan, onParetoFront }): FrontPlanRow => {
      const { cards, tpotNs, usdPerMillionTokens } = plan;
      return { row: "front", ...place, ...placeOf(plan), cards, tpotNs, usdPerMillionTokens, onParetoFront };
    }),
  ];
}

type Place = Pick<DeploymentPlanRow, "kind" | "model" | "contextTokens">;

function deploymentRow(
  place: Place,
  question: PlanQuestion,
  { plan, comparison, simulatedTpotNs }: RankedPlan,
  rank: number,
  best: Plan,
): DeploymentPlanRow {
  const { cards, microBatches, microBatchTokens, batch, tpotNs, tokensPerSecond, usdPerMillionTokens } = plan;
  const sums = stageSums(question, plan);
  const plain = comparison?.plain;
  return {
    row: "deployment",
    ...place,
    rank,
    ...placeOf(plan),
    cards,
    ...layoutOf(plan),
    microBatches,
    microBatchTokens,
    batch,
    tpotNs,
    ...(simulatedTpotNs === undefined ? {} : { simulatedTpotNs }),
    tokensPerSecond,
    tokensPerSecondPerCard: tokensPerSecond / cards,
    usdPerMillionTokens,
    bound: plan.bound,
    limit: plan.limit,
    ...sums,
    ...(plain === undefined || comparison?.gainFraction === undefined
      ? {}
      : {
          plainDeployment: deploymentName(plain),
          plainTokensPerSecondPerCard: plain.tokensPerSecond / plain.cards,
          plainUsdPerMillionTokens: plain.usdPerMillionTokens,
          gainFraction: comparison.gainFraction,
        }),
    reason: reasonOf(plan, sums, best, question),
  };
}

function placeOf(plan: Plan): Pick<DeploymentPlanRow, "placement" | "deployment" | "attentionOn" | "ffnOn"> {
  const deployment = deploymentName(plan);
  if (plan.kind === "plain") {
    const { name } = plan.deployment.accelerator;
    return { placement: "plain", deployment, attentionOn: name, ffnOn: name };
  }
  const { attention, ffn } = plan.deployment;
  return { placement: "afd", deployment, attentionOn: attention.accelerator.name, ffnOn: ffn.accelerator.name };
}

function layoutOf(
  plan: Plan,
): Pick<
  DeploymentPlanRow,
  | "attentionInstances"
  | "attentionInstanceCards"
  | "ffnInstances"
  | "ffnInstanceCards"
  | "parallelism"
  | "redundantExperts"
  | "attentionPrecision"
> {
  if (plan.kind === "plain") {
    const { parallelism, redundantExperts, precision } = plan.deployment;
    return { parallelism, redundantExperts, attentionPrecision: precision };
  }
  const { attention, ffn } = plan.deployment;
  return {
    attentionInstances: attention.instances,
    attentionInstanceCards: attention.cards,
    ffnInstances: ffn.instances,
    ffnInstanceCards: ffn.cards,
    parallelism: ffn.parallelism,
    redundantExperts: ffn.redundantExperts,
    attentionPrecision: attention.precision,
  };
}

const BOUNDS: Readonly<Record<Plan["bound"], string>> = {
  attention: "attention",
  ffn: "FFN",
  network: "the network",
  roundTrip: "the round trip",
  compute: "computing",
};

/** What a step waits for, how busy its stages are, and how much more a token costs than that of the best. */
function reasonOf(
  plan: Plan,
  { attentionNs, ffnNs, networkNs }: ReturnType<typeof stageSums>,
  best: Plan,
  { objective, efficiency }: PlanQuestion,
): string {
  const stepNs = plan.tpotNs - efficiency.jitterNs;
  const busy = (ns: number) => formatPercent(Math.min(1, (plan.microBatches * ns) / stepNs), 2);
  const stages =
    plan.kind === "afd"
      ? `attention ${busy(attentionNs)}, FFN ${busy(ffnNs)}, network ${busy(networkNs)} of the step`
      : `cards ${busy(attentionNs + ffnNs)}, network ${busy(networkNs)} of the step`;
  const waits = `${BOUNDS[plan.bound]} binds${plan.limit === "time" ? "" : `, ${plan.limit === "memory" ? "memory is full" : "no more sequences"}`}`;
  const text = `${waits}: ${stages}`;
  if (plan === best) return text;
  switch (objective) {
    case "cost":
      return `+${formatPercent(plan.usdPerMillionTokens / best.usdPerMillionTokens - 1, 2)} a token; ${text}`;
    case "throughput":
      return `-${formatPercent(1 - plan.tokensPerSecond / best.tokensPerSecond, 2)} tokens/s; ${text}`;
    case "cards":
      return `+${plan.cards - best.cards} cards; ${text}`;
  }
}

function turnRow(place: Place, { lever, factor, value, gainFraction }: Turn): TurnPlanRow {
  if (factor === undefined || value === undefined || gainFraction === undefined)
    return { row: "turn", ...place, lever };
  const winner = gainFraction > 0 ? "afd" : "plain";
  return { row: "turn", ...place, lever, factor, value, winner, gainFraction };
}

/** The answer in a sentence. */
function adviceOf({ contextTokens, maxCards }: PlanQuestion, { ranked }: PlanAnswer): string {
  const at = `At ${contextTokens} cached tokens`;
  const afd = ranked.find(({ plan }) => plan.kind === "afd");
  if (afd === undefined) {
    return `${at}: do not disaggregate. No attention and FFN instances on at most ${maxCards} cards serve within the TPOT, a plain deployment does.`;
  }
  const { plan, comparison } = afd;
  const name = deploymentName(plan);
  if (comparison?.plain === undefined || comparison.gainFraction === undefined) {
    return `${at}: disaggregate (${name}). No plain deployment on ${plan.cards} cards serves within the TPOT.`;
  }
  const { gainFraction, plain } = comparison;
  const other = deploymentName(plain);
  const share = formatPercent(Math.abs(gainFraction), 2);
  if (gainFraction <= 0) {
    return `${at}: do not disaggregate. A token of ${other} costs ${share} less than one of ${name} on as many cards.`;
  }
  const same = `a token of ${other} on as many cards costs ${share} more`;
  const [first] = ranked;
  const anyPlain = ranked.find((one) => one.plan.kind === "plain")?.plan;
  if (first === undefined || first.plan.kind === "afd" || anyPlain === undefined) {
    const more = anyPlain === undefined ? 0 : anyPlain.usdPerMillionTokens / plan.usdPerMillionTokens - 1;
    const any =
      anyPlain === undefined || more <= 0
        ? ""
        : `, one of ${deploymentName(anyPlain)}, the best plain one on any number, ${formatPercent(more, 2)}`;
    return `${at}: disaggregate (${name}); ${same}${any}.`;
  }
  return `${at}: do not disaggregate. ${deploymentName(first.plan)} on ${first.plan.cards} cards is better than any AFD on at most ${maxCards}; on just ${plan.cards} cards ${name} would win: ${same}.`;
}

/** How far the simulation of the named deployments is from the closed form that they were found by. */
function confirmationOf({ contextTokens, tpotNs }: PlanQuestion, { ranked }: PlanAnswer): string[] {
  const simulated = ranked.flatMap(({ plan, simulatedTpotNs }) =>
    simulatedTpotNs === undefined ? [] : [{ closed: plan.tpotNs, simulated: simulatedTpotNs }],
  );
  if (simulated.length === 0) return [];
  const most = Math.max(...simulated.map((one) => Math.abs(one.simulated / one.closed - 1)));
  const over = simulated.filter((one) => one.simulated > tpotNs);
  const text = `At ${contextTokens} cached tokens simulation of the ${simulated.length} AFD deployments is within ${formatPercent(most, 2)} of the closed form`;
  const longest = Math.max(...simulated.map((one) => one.simulated));
  return [
    over.length === 0
      ? `${text}.`
      : `${text}; beyond the TPOT by it: ${over.length}, up to ${formatDuration(longest, 4)}.`,
  ];
}
