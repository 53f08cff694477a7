import { z } from "zod";
import { contextKeys } from "./contextKeys.ts";
import { amount, text, whole } from "./quantity.ts";

/** What a simulated deployment reaches, beside the closed form over the same stage times. */
export const simulateRowSchema = z.strictObject({
  kind: z.literal("simulated"),
  rank: whole("Place among the deployments of this run, by tokens per second and card."),
  model: text("Name of the model."),
  deployment: text("Attention and FFN instances, such as 2A2F."),
  attentionInstances: whole("Attention instances."),
  ffnInstances: whole("FFN instances."),
  cards: whole("Cards of all instances."),
  attentionOn: text("Accelerator of the attention side, or the processor that a record was measured on."),
  ffnOn: text("Accelerator of the FFN side."),
  stageTimes: z.enum(["modeled", "given", "measured", "measuredScaled", "projected", "projectedScaled"]).meta({
    description:
      "Where stage times come from: formulas, the user, or a record of bench, as measured on its host or projected to accelerators, as they are or scaled to this deployment.",
  }),
  microBatches: whole("Micro-batches under way."),
  batch: whole("Sequences of all micro-batches at most, one token each in a step."),
  contextTokens: whole("Cached tokens of a sequence that the stage times are for, the mean where they differ."),
  ...contextKeys,
  layers: whole("Layers of a decode step."),
  steps: whole("Steps that were counted, of all micro-batches."),
  seed: whole("Seed of all random numbers.", 0),
  tpotNs: amount("simulated", "ns", "Time per output token, the mean; waiting before the first step is no part of it."),
  tpotP50Ns: amount("simulated", "ns", "Time that half of all tokens do not exceed."),
  tpotP90Ns: amount("simulated", "ns", "Time that 90% of all tokens do not exceed."),
  tpotP99Ns: amount("simulated", "ns", "Time that 99% of all tokens do not exceed."),
  tpotLongestNs: amount("simulated", "ns", "Longest time of a token."),
  tokensPerSecond: amount("simulated", "tokens/s", "Decoded tokens of all sequences."),
  tokensPerSecondPerCard: amount("simulated", "tokens/s", "Decoded tokens over all cards."),
  usdPerMillionTokens: amount(
    "simulated",
    "USD per million tokens",
    "Rent of all cards; absent where an accelerator has no price.",
  ).optional(),
  bound: z.enum(["attention", "ffn", "network", "roundTrip"]).meta({
    description: "What limits the closed form: a stage, the busiest link, or a micro-batch's way through all of them.",
  }),
  boundNs: amount("modeled", "ns", "TPOT of the closed form: full micro-batches, equal instances, nothing disturbed."),
  boundFraction: amount("simulated", "fraction", "boundNs over tpotNs."),
  communicationHidden: z
    .boolean()
    .meta({ description: "Whether in the closed form neither transfers nor links make a step longer." }),
  attentionUtilization: amount("simulated", "fraction", "Share of time in which attention instances compute."),
  ffnUtilization: amount("simulated", "fraction", "Share of time in which FFN instances compute."),
  attentionLinkUtilization: amount(
    "simulated",
    "fraction",
    "Share of time in which links of attention instances are busy.",
  ),
  ffnLinkUtilization: amount("simulated", "fraction", "Share of time in which links of FFN instances are busy."),
  bubbleFraction: amount("simulated", "fraction", "Share of all cards' time in which they do not compute."),
  requests: whole("Requests that arrived; absent for a steady batch.").optional(),
  decodedTokens: whole("Tokens that requests got.").optional(),
  meanContextTokens: amount("simulated", "tokens", "Cached tokens of a sequence, mean over decoded tokens.").optional(),
  meanSequences: amount("simulated", "count", "Sequences in a step of all micro-batches, mean over steps.").optional(),
  waitP99Ns: amount(
    "simulated",
    "ns",
    "Time from arrival to the first step that 99% of requests do not exceed.",
  ).optional(),
  outages: whole("Outages that made work wait or begin anew; absent where no instance fails.", 0).optional(),
  events: whole("Events simulated."),
});

export type SimulateRow = z.infer<typeof simulateRowSchema>;
