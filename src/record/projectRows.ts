import { z } from "zod";
import { amount, text, whole } from "./quantity.ts";

/** What a projection stands on. */
const BASES = ["engine", "otherEngine", "otherFamily"] as const;

/** What was counted here; absent where everything is modeled. */
const counted = {
  measuredFlops: amount("measured", "FLOP", "FLOPs that the kernels here execute at the shape.").optional(),
  modeledFlops: amount("modeled", "FLOP", "FLOPs that they replace.").optional(),
  measuredBytes: amount(
    "measured",
    "byte",
    "Bytes of KV cache and weights that come from memory through the accelerator's L2 cache, as the kernels here read them.",
  ).optional(),
  modeledBytes: amount("modeled", "byte", "Bytes that they replace.").optional(),
};

const projection = {
  kind: z.literal("modeled"),
  kernel: text("Kernel, as `bench` names it."),
  model: text("Model that the shape is of; absent where dimensions were given.").optional(),
  accelerator: text("Name of the accelerator."),
  shape: text("Dimensions as one text."),
  precision: text("What it multiplies in; of a layer its projections and experts, attention cores being BF16."),
  kvBits: whole("Bits of a cached element; absent where the kernel has no cache.").optional(),
  latencyNs: amount("modeled", "ns", "Projected time."),
  lowNs: amount("modeled", "ns", "Lower end of the 80% band."),
  highNs: amount("modeled", "ns", "Upper end of the 80% band."),
  bound: z
    .enum(["fixed", "memory", "compute"])
    .meta({ description: "The largest term; of a layer that of its longest kernel." }),
  fixedNs: amount("modeled", "ns", "Fixed time of the call, or of all calls of a layer."),
  memoryNs: amount("modeled", "ns", "Time of the bytes; overlaps with computeNs."),
  computeNs: amount("modeled", "ns", "Time of the FLOPs, padding among them; overlaps with memoryNs."),
  paddingNs: amount("modeled", "ns", "What the time would lack if tiles had no unused rows."),
  basis: z.enum(BASES).meta({
    description:
      "engine: that engine was measured in the accelerator's family; otherEngine: others were; otherFamily: the family was not measured. Of a layer the least sure of its kernels.",
  }),
  family: text("Family of accelerators whose constants are used."),
  nearestFamily: z
    .boolean()
    .meta({ description: "Whether the accelerator has no measured family, and this one's peaks are nearest." }),
  engine: text("Kernel library whose constants are used; of a layer that of its longest kernel."),
  fittedRows: whole("Measured rows that these constants were fitted to."),
  nearbyFactor: amount(
    "modeled",
    "fraction",
    "What the modeled time is multiplied by for what the engine's measured rows nearby were off by; 1 far from all.",
  ),
  outsideDoublings: z
    .number()
    .min(0)
    .meta({ description: "How far the shape lies outside the measured ones, in doublings.", unit: "count" }),
  ...counted,
};

/** A kernel on an accelerator; a layer is the sum of its kernels. */
export const latencyRowSchema = z.strictObject({ row: z.literal("latency"), ...projection });

/** One kernel of a layer. */
export const partRowSchema = z.strictObject({
  row: z.literal("part"),
  ...projection,
  part: text("What the kernel does in its layer."),
  paddedM: amount(
    "modeled",
    "count",
    "Rows that each product computes, used or not; of attention query rows a KV head.",
  ),
  l2Share: amount("modeled", "fraction", "Share of the bytes that the L2 cache serves."),
  coreShare: amount("modeled", "fraction", "Share of the cores that are busy, over all waves."),
  measuredAs: text("What ran here in its place, and how often that counts; absent where nothing ran.").optional(),
});

export type LatencyRow = z.infer<typeof latencyRowSchema>;
export type PartRow = z.infer<typeof partRowSchema>;
