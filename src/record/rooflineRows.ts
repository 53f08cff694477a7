import { z } from "zod";
import { BOUNDS, STATUSES } from "./benchRows.ts";
import { amount, text, whole } from "./quantity.ts";

/** Every status a roof can end with; each leaves its rate. */
export const ROOF_STATUSES = ["ok", "unstable", "roofSuspect"] as const;

const measuredAt = z.iso.datetime().meta({ description: "When it was measured, UTC." });
const target = z.enum(["simd", "relaxed", "debug"]).meta({ description: "WASM target." });
const level = z
  .enum(["L1", "L2", "L3", "DRAM"])
  .optional()
  .meta({ description: "Level of the memory: that is read, or that holds the working set." });
const revectorized = z
  .boolean()
  .optional()
  .meta({ description: "True where V8 fused pairs of 128-bit vectors into 256 bits (--revectorize)." });

/** The most that this host does of one thing, on so many threads. */
export const roofRowSchema = z.strictObject({
  row: z.literal("roof"),
  kind: z.literal("measured"),
  kernel: z
    .enum(["roof.multiplyAdd", "roof.int8Dot", "roof.read"])
    .meta({ description: "What is done at most of: float32 multiply-adds, int8 dots (in matmul form), or reads." }),
  level,
  dtype: text("What is multiplied: f32 or int8; absent for reads.").optional(),
  target,
  revectorized,
  threads: whole("Threads that work at a time."),
  status: z.enum(ROOF_STATUSES).meta({
    description:
      "ok; unstable: passes did not agree, or another roof shows that it is too low; roofSuspect: far below clock times width.",
  }),
  statusReason: text("One sentence on a status other than ok.").optional(),
  flopsPerSecond: amount("measured", "FLOP/s", "Rate over all threads; int8 operations count alike.").optional(),
  bytesPerSecond: amount("measured", "byte/s", "Bytes read a second over all threads.").optional(),
  spread: amount(
    "measured",
    "fraction",
    "How far the third best pass stays below the best; absent where fewer than three were measured.",
  ).optional(),
  passes: whole("Times that the calibration was gone through."),
  samples: whole("Samples of the fastest form in all passes."),
  form: text("Register tile or working set that reached it."),
  workingSetBytes: amount("measured", "byte", "Bytes that each thread reads over and over.").optional(),
  clockHz: amount("measured", "Hz", "Clock, from a chain of dependent adds.").optional(),
  measuredAt,
  cached: z.boolean().meta({ description: "Whether it was taken from the cache, and not measured in this run." }),
});

/** A measured kernel set under the roofs. */
export const placedRowSchema = z.strictObject({
  row: z.literal("kernel"),
  kind: z.literal("measured"),
  kernel: text("Name of the kernel."),
  attention: text("Kind of attention: mfa, mla, gqa, mqa or mha.").optional(),
  shape: text("Dimensions as text."),
  dtype: text("What the kernel multiplies in: f32 or int8."),
  model: text("Model whose shapes these are.").optional(),
  target: text("WASM target of the row of `bench`."),
  revectorized,
  threads: whole("Threads the kernel ran on."),
  status: z.enum(STATUSES).meta({ description: "Status of the row of `bench`." }),
  flopsPerSecond: amount("measured", "FLOP/s", "Counted FLOPs over the median time."),
  measuredFlopsPerByte: amount("measured", "FLOP/byte", "Counted FLOPs over bytes of KV cache and weights that miss."),
  modeledFlopsPerByte: amount("modeled", "FLOP/byte", "Arithmetic intensity that the formulas give.").optional(),
  level,
  roofFlopsPerSecond: amount(
    "measured",
    "FLOP/s",
    "Lower of the peak and measured intensity times the bandwidth of that level, by the roofs above; absent where one of them was not measured or does not stand.",
  ).optional(),
  roofFraction: amount("measured", "fraction", "flopsPerSecond over roofFlopsPerSecond.").optional(),
  bound: z.enum(BOUNDS).optional().meta({ description: "Which of the two is the lower one." }),
  measuredAt,
});

/** The roofline of an accelerator for kernels of one dtype. */
export const acceleratorRoofRowSchema = z.strictObject({
  row: z.literal("accelerator"),
  kind: z.literal("published"),
  accelerator: text("Name of the accelerator."),
  dtype: text("dtype of the kernels that it stands for: f32 or int8."),
  precision: text("What the accelerator computes them in."),
  flopsPerSecond: amount("published", "FLOP/s", "Peak in that precision."),
  bytesPerSecond: amount("published", "byte/s", "Memory bandwidth."),
  ridgeFlopsPerByte: amount("published", "FLOP/byte", "Intensity at which the two meet."),
});

export type RoofRow = z.infer<typeof roofRowSchema>;
export type PlacedRow = z.infer<typeof placedRowSchema>;
export type AcceleratorRoofRow = z.infer<typeof acceleratorRoofRowSchema>;
export type RooflineRow = RoofRow | PlacedRow | AcceleratorRoofRow;
