import { z } from "zod";
import { kernelRowFields, STATUSES } from "./benchRows.ts";
import { amount, quantity, text } from "./quantity.ts";

const kernelFields = kernelRowFields.shape;

/** What a row is about: the keys that two records are joined on. */
const joined = {
  kind: z.literal("measured"),
  kernel: kernelFields.kernel,
  shape: kernelFields.shape,
  dtype: kernelFields.dtype,
};

const reason = text(
  "Why counted and modeled numbers differ by more than 1%, largest cause first; what no cause explains is `unexplained`.",
).optional();

const executed = {
  modeledFlops: amount("modeled", "FLOP", "FLOPs that the formulas give.").optional(),
  matrixFlops: amount(
    "measured",
    "FLOP",
    "Counted float operations of matrix products; a multiply-add is 2.",
  ).optional(),
  int8Ops: amount(
    "measured",
    "count",
    "Counted integer operations of matrix products; a multiply-add is 2.",
  ).optional(),
  elementwiseFlops: amount("measured", "FLOP", "Counted float operations beside them: softmax, norms …").optional(),
  conversions: amount("measured", "count", "Counted conversions between number formats.").optional(),
};

const intensities = {
  modeledFlopsPerByte: amount("modeled", "FLOP/byte", "Modeled FLOPs over modeled bytes.").optional(),
  measuredFlopsPerByte: amount(
    "measured",
    "FLOP/byte",
    "Counted FLOPs of matrix products over the bytes of KV cache and weights that come from memory.",
  ).optional(),
  ratio: amount("measured", "fraction", "measuredFlopsPerByte over modeledFlopsPerByte.").optional(),
};

/** A kernel at a shape: modeled and measured intensity side by side. */
export const intensityKernelRowSchema = z.strictObject({
  row: z.literal("kernel"),
  ...joined,
  ...kernelRowFields.pick({
    attention: true,
    batch: true,
    kvTokens: true,
    queryHeads: true,
    kvHeads: true,
    headDim: true,
    hidden: true,
    queryRank: true,
    m: true,
    n: true,
    k: true,
    experts: true,
    expertDim: true,
    topK: true,
    tokensPerExpert: true,
    kvDtype: true,
    weightDtype: true,
    model: true,
    target: true,
    composed: true,
    composedOf: true,
    traceShape: true,
  }).shape,
  status: z.enum(STATUSES).meta({ description: "ok, or why numbers are missing." }),
  statusReason: kernelFields.statusReason,
  ...executed,
  modeledBytes: amount("modeled", "byte", "KV cache and weights by the formulas: values alone, each once.").optional(),
  measuredBytes: amount(
    "measured",
    "byte",
    "KV cache and weights that a model of this host's L2 cache fetches for the traced addresses.",
  ).optional(),
  ...intensities,
  reason,
  unexplainedFraction: amount("measured", "fraction", "Share of modeled work that no named cause explains.").optional(),
});

/** One term of a kernel's work. */
export const intensityTermRowSchema = z.strictObject({
  row: z.literal("term"),
  ...joined,
  term: text("Term of the workload, such as attention.core; `rest` is what no formula counts."),
  ...executed,
  flopsRatio: amount("measured", "fraction", "All counted operations over modeledFlops.").optional(),
  ...intensities,
  reason,
});

/** What memory holds, as the counters tell it apart. */
const MEMORY_RANGES = ["kv", "weights", "activations", "scratch"] as const;

/** The bytes that one term loads and stores in one range of memory. */
export const intensityRangeRowSchema = z.strictObject({
  row: z.literal("range"),
  ...joined,
  term: text("Term of the workload."),
  range: z.enum(MEMORY_RANGES).meta({ description: "What the memory holds." }),
  modeledBytes: amount(
    "modeled",
    "byte",
    "Bytes by the formulas, each once; they know KV cache and weights.",
  ).optional(),
  measuredBytes: amount("measured", "byte", "Bytes that come from memory through this host's L2 cache.").optional(),
  loadedBytes: amount("measured", "byte", "Bytes that executed loads asked for, caches not regarded."),
  storedBytes: amount("measured", "byte", "Bytes that executed stores wrote."),
  ratio: amount("measured", "fraction", "measuredBytes over modeledBytes.").optional(),
  reason,
});

/** One cause of a difference between counted and modeled work. */
export const intensityCauseRowSchema = z.strictObject({
  row: z.literal("cause"),
  ...joined,
  term: text("Term of the workload."),
  quantity: z.enum(["productFlops", "elementwiseFlops", "kvBytes", "weightBytes"]).meta({
    description: "What differs: FLOPs of matrix products, FLOPs beside them, bytes of KV cache or weights from memory.",
  }),
  cause: text("Name of the cause; `unexplained` is what the others leave."),
  detail: text("The extents, buffers or functions in which it was found.").optional(),
  amount: quantity(
    "measured",
    "FLOP or byte",
    "How much more than the formula says is executed or moved because of it.",
  ),
  fraction: quantity("measured", "fraction", "amount over what the formula gives.").optional(),
});

/** One call of an export of a user's own module. */
export const moduleCallRowSchema = z.strictObject({
  row: z.literal("call"),
  kind: z.literal("measured"),
  module: text("Path of the module, as given."),
  call: text("The export and its arguments."),
  status: z
    .enum(["ok", "trapped"])
    .meta({ description: "ok, or trapped: the call did not end, counts stand up to there." }),
  statusReason: text("What stopped the call.").optional(),
  result: text("What the call gave back.").optional(),
  flops: amount("measured", "FLOP", "Executed float operations; a multiply-add is 2."),
  int8Ops: amount("measured", "count", "Executed operations of int8 and int16 dots; a multiply-add is 2."),
  conversions: amount("measured", "count", "Executed conversions between number formats."),
  loadedBytes: amount("measured", "byte", "Bytes that executed loads asked for, caches not regarded."),
  storedBytes: amount("measured", "byte", "Bytes that executed stores wrote."),
  flopsPerByte: amount("measured", "FLOP/byte", "flops and int8Ops over loaded and stored bytes.").optional(),
});

/** What that call loads and stores in one range of its memory. */
export const moduleRangeRowSchema = z.strictObject({
  row: z.literal("callRange"),
  kind: z.literal("measured"),
  module: text("Path of the module, as given."),
  call: text("The export and its arguments."),
  range: text("Name of the range; `other` is all that no range holds."),
  begin: amount("measured", "byte", "Its first address.").optional(),
  end: amount("measured", "byte", "The address behind its last.").optional(),
  loadedBytes: amount("measured", "byte", "Bytes that executed loads asked for."),
  storedBytes: amount("measured", "byte", "Bytes that executed stores wrote."),
  flopsPerByte: amount("measured", "FLOP/byte", "All operations of the call over the bytes of this range.").optional(),
});

export const intensityRowSchema = z.discriminatedUnion("row", [
  intensityKernelRowSchema,
  intensityTermRowSchema,
  intensityRangeRowSchema,
  intensityCauseRowSchema,
  moduleCallRowSchema,
  moduleRangeRowSchema,
]);

export type IntensityKernelRow = z.infer<typeof intensityKernelRowSchema>;
export type IntensityTermRow = z.infer<typeof intensityTermRowSchema>;
export type IntensityRangeRow = z.infer<typeof intensityRangeRowSchema>;
export type IntensityCauseRow = z.infer<typeof intensityCauseRowSchema>;
export type ModuleCallRow = z.infer<typeof moduleCallRowSchema>;
export type ModuleRangeRow = z.infer<typeof moduleRangeRowSchema>;
export type IntensityRow = z.infer<typeof intensityRowSchema>;
