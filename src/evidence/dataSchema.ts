import { z } from "zod";

const POSITIVE = "a number above 0";
const COUNT = "a whole number above 0";
const NOT_NEGATIVE = "a number of at least 0";
const TEXT = "a name";
const positive = z.number(POSITIVE).positive(POSITIVE);
const count = z.int(COUNT).positive(COUNT);
const text = z.string(TEXT).min(1, TEXT);

/** Peaks of one accelerator, as files give them. */
export const peaksSchema = z.looseObject({
  memGBps: positive,
  bf16TFLOPS: positive,
  fp8TFLOPS: positive.optional(),
  int8TOPS: positive.optional(),
  fp4TFLOPS: positive.optional(),
});

/** A file of measurements: what is looked at before its rows. */
export const dataFileSchema = z.looseObject({
  source: z.looseObject({ repo: z.string(TEXT).optional() }),
  peaksUsed: z.union([peaksSchema, z.record(z.string(), peaksSchema)]).optional(),
  rows: z.array(z.unknown()).min(1),
});

/** What every row says. */
export const rowSchema = z.looseObject({
  gpu: text,
  kernelKind: text,
  gpuCertain: z.boolean("true or false").optional(),
  kernel: z.string(TEXT).optional(),
  source: z.string(TEXT).optional(),
});

/**
 * What a row says of its time. `timing`: whether calls were timed on the device alone (events around graph replays, a
 * profiler) or from Python; `hostUs`: what the host takes to issue a call, while the device waits for it.
 */
const timed = {
  measuredUs: positive,
  timing: z.enum(["device", "eager"], "device or eager").optional(),
  hostUs: positive.optional(),
  dtype: text,
  kernel: z.string(TEXT).optional(),
};

/** Fields of each kernel kind that has a time. */
export const kernelRowSchemas = {
  "attention-decode": z.object({
    ...timed,
    batch: count,
    kvTokens: count,
    queryHeads: count,
    kvHeads: count,
    headDim: count,
    kvDtype: text,
    queryTokens: count.default(1),
  }),
  "mla-decode": z.object({
    ...timed,
    batch: count,
    kvTokens: count,
    queryHeads: count,
    headDim: count.default(576),
    valueDim: count.default(512),
    kvDtype: text,
    queryTokens: count.default(1),
  }),
  gemm: z.object({ ...timed, m: count, n: count, k: count }),
  "grouped-gemm": z.object({
    ...timed,
    localExperts: count,
    m: positive,
    n: count,
    k: count,
    layout: z.string(TEXT).optional(),
  }),
  "moe-fused": z.object({
    ...timed,
    experts: count,
    localExperts: count,
    topK: count,
    tokens: count,
    hiddenSize: count,
    expertIntermediateSize: count,
    routedTokens: positive.optional(),
    expertsTouched: z.number(NOT_NEGATIVE).nonnegative(NOT_NEGATIVE).optional(),
    expertsTouchedExpected: positive.optional(),
    routing: z.string(TEXT).optional(),
  }),
} as const;

export type DataFile = z.infer<typeof dataFileSchema>;
export type DataRow = z.infer<typeof rowSchema>;
export type StatedPeaks = z.infer<typeof peaksSchema>;
export type KernelRow = {
  [Kind in keyof typeof kernelRowSchemas]: z.infer<(typeof kernelRowSchemas)[Kind]> & { readonly kernelKind: Kind };
}[keyof typeof kernelRowSchemas];
