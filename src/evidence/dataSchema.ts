import { z } from "zod";

const positive = z.number().positive();
const count = z.number().int().positive();

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
  source: z.looseObject({ repo: z.string().optional() }),
  peaksUsed: z.union([peaksSchema, z.record(z.string(), peaksSchema)]).optional(),
  rows: z.array(z.unknown()).min(1),
});

/** What every row says. */
export const rowSchema = z.looseObject({
  gpu: z.string().min(1),
  kernelKind: z.string().min(1),
  gpuCertain: z.boolean().optional(),
  kernel: z.string().optional(),
  source: z.string().optional(),
});

/**
 * What a row says of its time. `timing`: whether calls were timed on the device alone (events around graph replays, a
 * profiler) or from Python; `hostUs`: what the host takes to issue a call, while the device waits for it.
 */
const timed = {
  measuredUs: positive,
  timing: z.enum(["device", "eager"]).optional(),
  hostUs: positive.optional(),
  dtype: z.string().min(1),
  kernel: z.string().optional(),
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
    kvDtype: z.string().min(1),
    queryTokens: count.default(1),
  }),
  "mla-decode": z.object({
    ...timed,
    batch: count,
    kvTokens: count,
    queryHeads: count,
    headDim: count.default(576),
    valueDim: count.default(512),
    kvDtype: z.string().min(1),
    queryTokens: count.default(1),
  }),
  gemm: z.object({ ...timed, m: count, n: count, k: count }),
  "grouped-gemm": z.object({
    ...timed,
    localExperts: count,
    m: positive,
    n: count,
    k: count,
    layout: z.string().optional(),
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
    expertsTouched: z.number().nonnegative().optional(),
    expertsTouchedExpected: positive.optional(),
    routing: z.string().optional(),
  }),
} as const;

export type DataFile = z.infer<typeof dataFileSchema>;
export type DataRow = z.infer<typeof rowSchema>;
export type StatedPeaks = z.infer<typeof peaksSchema>;
export type KernelRow = {
  [Kind in keyof typeof kernelRowSchemas]: z.infer<(typeof kernelRowSchemas)[Kind]> & { readonly kernelKind: Kind };
}[keyof typeof kernelRowSchemas];
