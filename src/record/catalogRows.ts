import { z } from "zod";
import { environmentSchema } from "./document.ts";
import { amount, text, whole } from "./quantity.ts";

/** A model: its dimensions as its configuration gives them, and what one decoded token costs. */
export const modelRowSchema = z.strictObject({
  kind: z.literal("modeled"),
  model: text("Name of the model."),
  modelType: text("`model_type` of its configuration."),
  attention: text("Kinds of attention in its layers."),
  layers: whole("Layers."),
  denseLayers: whole("Layers with one dense FFN.", 0),
  moeLayers: whole("Layers with experts.", 0),
  hidden: whole("Values of a token between layers."),
  vocab: whole("Entries of the vocabulary."),
  queryHeads: whole("Query heads of a layer with a KV cache; absent where none has one.").optional(),
  kvHeads: whole("KV heads of a layer; absent for latent attention.").optional(),
  headDim: whole("Values of one head; absent for latent attention.").optional(),
  queryRank: whole("Rank of the factorized query projection.").optional(),
  kvRank: whole("Rank of the latent KV cache.").optional(),
  experts: whole("Routed experts of a layer.").optional(),
  expertDim: whole("Intermediate width of one expert.").optional(),
  topK: whole("Experts each token is sent to.").optional(),
  sharedDim: whole("Intermediate width of the shared expert; 0 without one.", 0).optional(),
  maxContextTokens: whole("Longest context the configuration allows."),
  parametersTotal: amount("modeled", "count", "Parameters, embeddings among them."),
  parametersActivated: amount("modeled", "count", "Parameters that one token uses, embeddings among them."),
  kvBytesPerCachedToken: amount("modeled", "byte", "8-bit KV cache of one token, all layers."),
  contextTokens: whole("Context that kvBytesReadPerToken is for."),
  kvBytesReadPerToken: amount("modeled", "byte", "8-bit KV bytes one decode step reads for one sequence, all layers."),
  attentionFlopsPerByte: amount("modeled", "FLOP/byte", "FLOPs of the attention core per 8-bit KV byte, all layers."),
  source: text("Where the configuration comes from."),
});

/** An accelerator, as published. */
export const hardwareRowSchema = z.strictObject({
  kind: z.literal("published"),
  accelerator: text("Name of the accelerator."),
  usdPerHour: amount("published", "USD/hour", "Rent of one card; absent where no price is public.").optional(),
  peakFp4FlopsPerSecond: amount("published", "FLOP/s", "Peak in FP4; absent where it has none.").optional(),
  peakFp8FlopsPerSecond: amount("published", "FLOP/s", "Peak in FP8; absent where it has none.").optional(),
  peakInt8FlopsPerSecond: amount("published", "FLOP/s", "Peak of 8-bit integers; absent where it has none.").optional(),
  peakBf16FlopsPerSecond: amount("published", "FLOP/s", "Peak in BF16."),
  memoryBytesPerSecond: amount("published", "byte/s", "Bandwidth of its memory."),
  memoryBytes: amount("published", "byte", "Its memory.").optional(),
  networkBytesPerSecond: amount("published", "byte/s", "All NICs of a server, one direction.").optional(),
  cardsPerServer: whole("Cards of that server.").optional(),
  precision: text("What 8-bit kernels are projected to: fp8 where the card has it, else bf16."),
  ridgeFlopsPerByte: amount(
    "modeled",
    "FLOP/byte",
    "Intensity at which its peak and its bandwidth meet, in that precision.",
  ),
  source: text("Where most of its figures are printed."),
  usdPerHourSource: text("Where the price is printed.").optional(),
  peakFp4FlopsPerSecondSource: text("Where the peak in FP4 is printed.").optional(),
  peakFp8FlopsPerSecondSource: text("Where the peak in FP8 is printed.").optional(),
  peakInt8FlopsPerSecondSource: text("Where the peak of 8-bit integers is printed.").optional(),
  peakBf16FlopsPerSecondSource: text("Where the peak in BF16 is printed.").optional(),
  memoryBytesPerSecondSource: text("Where the bandwidth is printed.").optional(),
  memoryBytesSource: text("Where the memory is stated.").optional(),
  networkBytesPerSecondSource: text("Where the network is stated.").optional(),
  cardsPerServerSource: text("Where the cards of a server are stated.").optional(),
});

/** This machine and this program. */
export const envRowSchema = environmentSchema.extend({ kind: z.literal("measured") });

export type ModelRow = z.infer<typeof modelRowSchema>;
export type HardwareRow = z.infer<typeof hardwareRowSchema>;
export type EnvRow = z.infer<typeof envRowSchema>;
