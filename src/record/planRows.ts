import { z } from "zod";
import { contextKeys } from "./contextKeys.ts";
import { amount, quantity, text, whole } from "./quantity.ts";

const SIDES = ["attention", "ffn", "network", "roundTrip", "compute"] as const;

const place = {
  kind: z.literal("modeled"),
  model: text("Name of the model."),
  contextTokens: whole("Cached tokens of a sequence, the mean where they differ."),
  tpotLimitNs: amount("modeled", "ns", "Mean time per output token at most, as asked for."),
  maxCards: whole("Cards of a deployment at most, as asked for."),
  sequences: whole("Sequences that there are at once, as asked for; absent: as many as fit.").optional(),
};

const placement = z.enum(["afd", "plain"]).meta({
  description: "afd: attention and FFN on cards of their own; plain: both on the same cards, experts spread over them.",
});

const deployment = text("Attention and FFN instances, such as 2A2F, or replicas and group of a plain one: 2xEP16.");

/** A deployment that serves within the TPOT, AFD ones beside the best plain one on as many cards. */
export const deploymentPlanRowSchema = z.strictObject({
  row: z.literal("deployment"),
  ...place,
  rank: whole("Place by the objective; the best plain deployment is ranked among the others."),
  placement,
  deployment,
  cards: whole("Cards in all."),
  attentionOn: text("Accelerator of the attention side; of a plain deployment, of both."),
  ffnOn: text("Accelerator of the FFN side."),
  attentionInstances: whole("Attention instances; absent for a plain deployment.").optional(),
  attentionInstanceCards: whole("Cards of one of them.").optional(),
  ffnInstances: whole("FFN instances.").optional(),
  ffnInstanceCards: whole("Cards of one of them.").optional(),
  parallelism: z.enum(["expert", "tensor"]).meta({
    description: "How cards share FFN layers: whole experts on a card, or each split over the cards of an instance.",
  }),
  redundantExperts: whole("Copies of busy experts on each card beside its own.", 0),
  hottestExpertLoad: amount(
    "modeled",
    "fraction",
    "Tokens of the busiest FFN card's experts over the mean, by chance and by popularity; absent without experts.",
  ).optional(),
  ...contextKeys,
  attentionPrecision: z
    .enum(["auto", "bf16"])
    .meta({ description: "auto: FP8 where the card has it, over the model's 8-bit cache; bf16: a 16-bit cache." }),
  microBatches: whole("Micro-batches under way."),
  microBatchTokens: whole("Tokens of one on all cards; of a plain deployment, of a replica's."),
  batch: whole("Sequences at once."),
  tpotNs: amount("modeled", "ns", "Mean time per output token, the allowance for jitter and stragglers among it."),
  simulatedTpotNs: amount(
    "simulated",
    "ns",
    "The same by discrete-event simulation of instances and links; absent for a plain deployment.",
  ).optional(),
  tokensPerSecond: amount("modeled", "tokens/s", "Decoded tokens of all cards."),
  tokensPerSecondPerCard: amount("modeled", "tokens/s", "Decoded tokens over all cards."),
  usdPerMillionTokens: amount("modeled", "USD per million tokens", "Rent of all cards."),
  bound: z.enum(SIDES).meta({
    description:
      "What a step waits for: a stage, the busiest link, or a micro-batch's way through all of them; compute: the cards of a plain deployment.",
  }),
  limit: z
    .enum(["time", "memory", "sequences"])
    .meta({ description: "Why there is no more in a step: TPOT, memory, or no more sequences." }),
  attentionNs: amount("modeled", "ns", "Attention of all layers for one micro-batch."),
  ffnNs: amount("modeled", "ns", "FFN of all layers for one micro-batch."),
  networkNs: amount("modeled", "ns", "Busiest link in all layers for one micro-batch."),
  roundTripNs: amount("modeled", "ns", "One micro-batch through all layers, transfers among it."),
  plainDeployment: text("Best plain deployment on as many cards; absent where none serves, or for itself.").optional(),
  plainTokensPerSecondPerCard: amount("modeled", "tokens/s", "Of that one.").optional(),
  plainUsdPerMillionTokens: amount("modeled", "USD per million tokens", "Of that one.").optional(),
  gainFraction: quantity(
    "modeled",
    "fraction",
    "By how much a token of that one costs more; below 0: do not disaggregate.",
  ).optional(),
  reason: text("Why it is best, or why it loses."),
});

/** What bounds left out before a batch was looked for. */
export const cutPlanRowSchema = z.strictObject({
  row: z.literal("cut"),
  ...place,
  bound: z.enum(["memory", "network", "sparsity", "attention", "ffn", "roundTrip"]).meta({
    description:
      "memory: weights, or one sequence a micro-batch, do not fit; the others: too slow, or not among the best even if nothing else took time; sparsity: links too slow for the experts to become compute-bound.",
  }),
  deployments: whole("Deployments left out.", 0),
  considered: whole("Deployments in all."),
});

/** What would turn the choice between AFD and a plain deployment. */
export const turnPlanRowSchema = z.strictObject({
  row: z.literal("turn"),
  ...place,
  lever: z.enum(["batch", "context", "network", "sparsity"]).meta({
    description: "What is changed: sequences, cached tokens, NICs of both sides, or experts that are chosen.",
  }),
  factor: amount(
    "modeled",
    "fraction",
    "Nearest factor that turns it, of 2 to 32 and their inverses; absent: none.",
  ).optional(),
  value: amount(
    "modeled",
    "count",
    "What the lever is then: sequences, tokens, bytes/s of an FFN server, or experts a token chooses.",
  ).optional(),
  winner: placement.optional(),
  gainFraction: quantity(
    "modeled",
    "fraction",
    "By how much a token of the plain deployment then costs more.",
  ).optional(),
});

/** The cheapest deployment within some TPOT. */
export const frontPlanRowSchema = z.strictObject({
  row: z.literal("front"),
  ...place,
  placement,
  deployment,
  attentionOn: text("Accelerator of the attention side; of a plain deployment, of both."),
  ffnOn: text("Accelerator of the FFN side."),
  cards: whole("Cards in all."),
  tpotNs: amount("modeled", "ns", "Mean time per output token."),
  usdPerMillionTokens: amount("modeled", "USD per million tokens", "Rent of all cards."),
  onParetoFront: z.boolean().meta({ description: "Whether no other at this context is faster at no more cost." }),
});

export type DeploymentPlanRow = z.infer<typeof deploymentPlanRowSchema>;
export type CutPlanRow = z.infer<typeof cutPlanRowSchema>;
export type TurnPlanRow = z.infer<typeof turnPlanRowSchema>;
export type FrontPlanRow = z.infer<typeof frontPlanRowSchema>;
export type PlanRow = DeploymentPlanRow | CutPlanRow | TurnPlanRow | FrontPlanRow;
