import { z } from "zod";
import { amount, quantity, text, whole } from "./quantity.ts";

/** Every status a kernel row can end with; `ok` alone takes no number away. */
export const STATUSES = [
  "ok",
  "failedCheck",
  "unsupported",
  "outOfMemory",
  "trapped",
  "timedOut",
  "unstable",
  "roofSuspect",
] as const;
export type Status = (typeof STATUSES)[number];

/** What bounds a kernel: the multiply-add units or the memory. */
export const BOUNDS = ["compute", "memory"] as const;
export type Bound = (typeof BOUNDS)[number];

const bound = z.enum(BOUNDS).meta({ description: "What bounds it: compute or memory." });

/** Keys of a kernel at a shape. */
export const kernelRowFields = z.strictObject({
  row: z.literal("kernel"),
  kind: z.literal("measured"),
  kernel: text("Name of the kernel."),
  attention: text("Kind of attention: mfa, mla, gqa, mqa or mha.").optional(),
  shape: text(
    "Dimensions as text, such as `m=16 n=1280 k=1792`: with kernel and dtype, what two records are joined on.",
  ),
  batch: whole("Sequences decoded together.").optional(),
  kvTokens: whole("Cached tokens of each sequence.").optional(),
  queryHeads: whole("Query heads.").optional(),
  kvHeads: whole("KV heads.").optional(),
  headDim: whole("Values of one head.").optional(),
  hidden: whole("Values of a token between layers.").optional(),
  queryRank: whole("Rank of the factorized query projection.").optional(),
  m: whole("Rows of the left matrix.").optional(),
  n: whole("Columns of the right matrix.").optional(),
  k: whole("Inner dimension.").optional(),
  experts: whole("Routed experts.").optional(),
  expertDim: whole("Intermediate width of one expert.").optional(),
  topK: whole("Experts each token is sent to.").optional(),
  tokensPerExpert: whole("Tokens each expert computes in one step.").optional(),
  dtype: text("What the kernel multiplies in, f32 or int8; for wire kernels, what the message holds: int8, fp8, bf16."),
  kvDtype: text("How the KV cache is stored.").optional(),
  weightDtype: text("How the weights are stored.").optional(),
  model: text("Model whose shapes these are.").optional(),
  target: text("WASM target: simd, relaxed or debug."),
  revectorized: z
    .boolean()
    .optional()
    .meta({ description: "True where V8 fused pairs of 128-bit vectors into 256 bits (--revectorize)." }),
  threads: whole("Threads the kernel ran on."),
  status: z.enum(STATUSES).meta({ description: "ok, or why numbers are missing." }),
  statusReason: text("One sentence on a status other than ok.").optional(),
  composed: z.boolean().optional().meta({ description: "True where the time is put together from measured parts." }),
  composedOf: text("The parts that a composed time is made of.").optional(),
  medianNs: amount("measured", "ns", "Median time of one call.").optional(),
  madNs: amount("measured", "ns", "Median absolute deviation of the samples, unscaled.").optional(),
  p99Ns: amount("measured", "ns", "99th percentile; absent below 100 samples.").optional(),
  samples: whole("Number of samples.").optional(),
  samplesNs: z.array(z.number().min(0)).optional().meta({ description: "Every sample.", unit: "ns", kind: "measured" }),
  flops: amount("measured", "FLOP", "Counted FLOPs of the matrix products of one call.").optional(),
  flopsPerSecond: amount("measured", "FLOP/s", "flops over medianNs.").optional(),
  roofFlopsPerSecond: amount(
    "measured",
    "FLOP/s",
    "What this host could do at most: the lower of the peak of this dtype and target, and measured intensity times the bandwidth of the level that holds the working set.",
  ).optional(),
  roofFraction: amount("measured", "fraction", "flopsPerSecond over roofFlopsPerSecond.").optional(),
  bytesPerSecond: amount(
    "measured",
    "byte/s",
    "KV cache and weight bytes over medianNs; for wire kernels, bytes read and written.",
  ).optional(),
  modeledFlops: amount("modeled", "FLOP", "FLOPs that the workload's formulas give.").optional(),
  modeledFlopsPerByte: amount("modeled", "FLOP/byte", "Arithmetic intensity that the formulas give.").optional(),
  measuredFlopsPerByte: amount(
    "measured",
    "FLOP/byte",
    "Counted FLOPs over the bytes of KV cache and weights that a model of this host's L2 cache fetches for the traced addresses.",
  ).optional(),
  intensityRatio: amount("measured", "fraction", "measuredFlopsPerByte over modeledFlopsPerByte.").optional(),
  bound: bound.optional(),
  countedLoadBytes: amount("measured", "byte", "Bytes that executed loads asked for, caches not regarded.").optional(),
  countedStoreBytes: amount("measured", "byte", "Bytes that executed stores wrote.").optional(),
  elementwiseFlops: amount("measured", "FLOP", "Counted FLOPs outside matrix products: softmax, scaling.").optional(),
  conversions: amount("measured", "count", "Counted conversions between number formats.").optional(),
  traceShape: text("Shape that the counts were traced at, where it is not `shape`.").optional(),
  gapScalesFlopsPerByte: quantity(
    "measured",
    "FLOP/byte",
    "Intensity lost to the scales stored beside values.",
  ).optional(),
  gapPaddingFlopsPerByte: quantity("measured", "FLOP/byte", "Intensity lost to padded rows and columns.").optional(),
  gapPartialLinesFlopsPerByte: quantity(
    "measured",
    "FLOP/byte",
    "Intensity lost to cache lines that are fetched whole and used in part.",
  ).optional(),
  gapRereadFlopsPerByte: quantity(
    "measured",
    "FLOP/byte",
    "Intensity lost to bytes fetched more than once.",
  ).optional(),
  gapResidualFlopsPerByte: quantity("measured", "FLOP/byte", "What the named terms leave of the gap.").optional(),
  maxErrorFraction: amount(
    "measured",
    "fraction",
    "Largest error of the reference check over its tolerance.",
  ).optional(),
  level: text("Level of the memory hierarchy that a roof belongs to: L1, L2, L3, DRAM.").optional(),
  workingSetBytes: amount("measured", "byte", "Bytes that a roof or a kernel goes over in one pass.").optional(),
  clockHz: amount("measured", "Hz", "Clock, from a chain of dependent adds.").optional(),
});

const TIMES = [
  "medianNs",
  "madNs",
  "p99Ns",
  "samples",
  "samplesNs",
  "flopsPerSecond",
  "bytesPerSecond",
  "roofFraction",
] as const;

/** Keys that a row of this status must not carry: no time without a right answer, no fraction of a doubtful roof. */
function keysTakenBy(status: Status): readonly (keyof KernelRow)[] {
  switch (status) {
    case "ok":
    case "unstable":
      return [];
    case "roofSuspect":
      return ["roofFraction"];
    case "failedCheck":
    case "unsupported":
    case "outOfMemory":
    case "trapped":
    case "timedOut":
      return TIMES;
  }
}

/** A kernel at a shape, or a roof of this host. */
export const kernelRowSchema = kernelRowFields.superRefine((row, context) => {
  for (const key of keysTakenBy(row.status)) {
    if (row[key] === undefined) continue;
    context.addIssue({ code: "custom", path: [key], message: `a row of status ${row.status} carries no ${key}` });
  }
  if (row.p99Ns !== undefined && (row.samples ?? 0) < 100) {
    context.addIssue({ code: "custom", path: ["p99Ns"], message: "a 99th percentile needs at least 100 samples" });
  }
});

/** A measured kernel set on an accelerator by the roofline. */
export const projectionRowSchema = z.strictObject({
  row: z.literal("projection"),
  kind: z.literal("modeled"),
  kernel: text("Name of the kernel."),
  shape: text("Shape of the kernel row that this one scales."),
  dtype: text("dtype of that row."),
  accelerator: text("Name of the accelerator."),
  precision: text("What the accelerator computes in."),
  flopsPerByte: amount("measured", "FLOP/byte", "Intensity that the projection starts from."),
  attainableFlopsPerSecond: amount("modeled", "FLOP/s", "min(peak, intensity times bandwidth)."),
  latencyNs: amount("modeled", "ns", "Time of one call at the attainable rate."),
  bound,
});

/** All layers of a model on the cheapest pairing of attention and FFN accelerators. */
export const deploymentRowSchema = z.strictObject({
  row: z.literal("deployment"),
  kind: z.literal("modeled"),
  model: text("Name of the model."),
  batch: whole("Sequences of one attention instance."),
  kvTokens: whole("Cached tokens of each sequence."),
  tokensPerExpert: amount("modeled", "tokens", "Tokens each expert computes in one step."),
  ffnTokens: amount("modeled", "tokens", "Tokens of one FFN step."),
  attentionOn: text("Accelerator of the attention side."),
  ffnOn: text("Accelerator of the FFN side."),
  attentionPrecision: text("What the attention side computes in."),
  ffnPrecision: text("What the FFN side computes in."),
  basis: z
    .enum(["counted", "modeled"])
    .meta({ description: "Whether intensities come from counted or modeled bytes." }),
  attentionStageNs: amount("modeled", "ns", "Attention stage of one layer, mean over the layers."),
  ffnStageNs: amount("modeled", "ns", "FFN stage of one layer, mean over the layers."),
  attentionBound: bound,
  ffnBound: bound,
  attentionCardShare: amount("modeled", "fraction", "Attention cards of all cards."),
  tpotNs: amount("modeled", "ns", "Time per output token."),
  tokensPerSecondPerCard: amount("modeled", "tokens/s", "Output tokens a second over all cards."),
  usdPerMillionTokens: amount("modeled", "USD per million tokens", "Rent of the cards for a million output tokens."),
});

export const benchRowSchema = z.discriminatedUnion("row", [kernelRowSchema, projectionRowSchema, deploymentRowSchema]);

export type KernelRow = z.infer<typeof kernelRowSchema>;
export type ProjectionRow = z.infer<typeof projectionRowSchema>;
export type DeploymentRow = z.infer<typeof deploymentRowSchema>;
export type BenchRow = z.infer<typeof benchRowSchema>;
