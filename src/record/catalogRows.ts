import { z } from "zod";
import { environmentSchema } from "./document.ts";
import { amount, text, whole } from "./quantity.ts";

/** A model: its dimensions as its configuration gives them, and what one decoded token costs. */
export const modelRowSchema = z.strictObject({
  row: z.literal("model"),
  kind: z.literal("modeled"),
  model: text("Name of the model."),
  modelType: text("`model_type` of its configuration."),
  attention: text("Kinds of attention in its layers."),
  layers: whole("Layers."),
  denseLayers: whole("Layers with one dense FFN.", 0),
  moeLayers: whole("Layers with experts.", 0),
  layerKinds: text("Layers of each kind, attention + FFN, in the order of their first layers."),
  hidden: whole("Values of a token between layers."),
  vocab: whole("Entries of the vocabulary."),
  queryHeads: whole("Query heads of a layer with a KV cache; absent where none has one.").optional(),
  kvHeads: whole("KV heads of a layer; absent for latent attention.").optional(),
  headDim: whole("Values of one head; absent for latent attention.").optional(),
  queryRank: whole("Rank of the factorized query projection.").optional(),
  kvRank: whole("Rank of the latent KV cache.").optional(),
  ropeScaling: text(
    "How RoPE is stretched: none, or the kinds in its layers; absent where no layer has a cache.",
  ).optional(),
  softmaxScale: amount(
    "modeled",
    "fraction",
    "What a layer's scores are multiplied with before the softmax.",
  ).optional(),
  bias: text("Which attention projections have biases: none, queryKeyValue or all.").optional(),
  effectiveRank: whole("Query heads times value width of a head; the largest over the layers."),
  effectiveRanks: text(
    "All of them, in the order of their first layers; absent where layers do not differ.",
  ).optional(),
  experts: whole("Routed experts of a layer.").optional(),
  expertDim: whole("Intermediate width of one expert.").optional(),
  topK: whole("Experts each token is sent to.").optional(),
  sharedDim: whole("Intermediate width of the shared expert; 0 without one.", 0).optional(),
  maxContextTokens: whole("Longest context the configuration allows."),
  parametersTotal: amount("modeled", "count", "Parameters, embeddings among them."),
  parametersActivated: amount("modeled", "count", "Parameters that one token uses, embeddings among them."),
  kvBytesPerCachedToken: amount("modeled", "byte", "8-bit KV cache of one token, all layers."),
  contextTokens: whole("Context that kvBytesReadPerToken is for."),
  kvBits: whole(
    "Bits of a cached element in every layer; absent: 8, or 16 where a layer keeps its KV in BF16.",
  ).optional(),
  kvBytesReadPerToken: amount("modeled", "byte", "KV and state bytes one decode step reads for one sequence."),
  attentionFlopsPerByte: amount("modeled", "FLOP/byte", "FLOPs of the attention core per KV byte read, all layers."),
  source: text("Where the configuration comes from."),
});

/** Layers of a model that are alike. */
export const layersRowSchema = z.strictObject({
  row: z.literal("layers"),
  kind: z.literal("modeled"),
  model: text("Name of the model."),
  layerIndices: text("Which layers, from 0: `0-3, 60`, `1-45 by 4`, or `all but 3-47 by 4`."),
  layers: whole("How many."),
  layerKind: text("Attention + FFN, as layerKinds of the model names them."),
  attention: text("Kind of attention."),
  span: text("Cached tokens it sees: full, sliding or chunked; absent for linear attention.").optional(),
  spanTokens: whole("Length of the window or block; absent where it sees all.").optional(),
  queryHeads: whole("Query heads; absent for linear attention.").optional(),
  kvHeads: whole("KV heads; absent for latent and linear attention.").optional(),
  headDim: whole("Values of one head; absent for latent and linear attention.").optional(),
  queryRank: whole("Rank of the factorized query projection.").optional(),
  kvRank: whole("Rank of the latent KV cache.").optional(),
  ropeScaling: text("How RoPE is stretched to longer contexts; absent for linear attention.").optional(),
  softmaxScale: amount(
    "modeled",
    "fraction",
    "What scores are multiplied with; absent for linear attention.",
  ).optional(),
  bias: text("Which projections have biases: none, queryKeyValue or all; absent for linear attention.").optional(),
  kvBits: whole("Bits of a cached element in an 8-bit deployment; absent for linear attention.").optional(),
  effectiveRank: whole("Query heads times value width of a head."),
  ffn: text("Kind of FFN: dense or moe."),
  denseDim: whole("Intermediate width of a dense FFN.").optional(),
  experts: whole("Routed experts.").optional(),
  expertDim: whole("Intermediate width of one expert.").optional(),
  topK: whole("Experts each token is sent to.").optional(),
  sharedDim: whole("Intermediate width of the shared expert; 0 without one.", 0).optional(),
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
  l2Bytes: amount("published", "byte", "The last cache before memory; absent where nothing states it.").optional(),
  cores: whole("Streaming multiprocessors, AI cores or compute units; absent where nothing states them.").optional(),
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
  l2BytesSource: text("Where the last cache is stated.").optional(),
  coresSource: text("Where the cores are stated.").optional(),
  networkBytesPerSecondSource: text("Where the network is stated.").optional(),
  cardsPerServerSource: text("Where the cards of a server are stated.").optional(),
});

/** This machine and this program. */
export const envRowSchema = environmentSchema.extend({ kind: z.literal("measured") });

export type ModelRow = z.infer<typeof modelRowSchema>;
export type LayersRow = z.infer<typeof layersRowSchema>;
export type HardwareRow = z.infer<typeof hardwareRowSchema>;
export type EnvRow = z.infer<typeof envRowSchema>;
