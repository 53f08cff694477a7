import { z } from "zod";
import { amount, quantity, text, whole } from "./quantity.ts";

/** A published measurement and its projection; one without a kernel time is `unsupported` and has no numbers. */
export const measurementRowSchema = z.strictObject({
  row: z.literal("measurement"),
  kind: z.literal("published"),
  status: z.enum(["ok", "unsupported"]).meta({ description: "unsupported: no kernel time (links, whole systems)." }),
  source: text("File, and where its row comes from."),
  accelerator: text("Name of the accelerator."),
  kernel: text("Kernel, as `bench` names it; of an unsupported row its kind in the file."),
  kernelKind: text("Kind of the kernel in the file."),
  engine: text("Kernel library, without versions.").optional(),
  shape: text("Dimensions as one text.").optional(),
  measuredNs: amount("published", "ns", "The measured time.").optional(),
  projectedNs: amount("modeled", "ns", "The projected time.").optional(),
  lowNs: amount("modeled", "ns", "Lower end of the 80% band.").optional(),
  highNs: amount("modeled", "ns", "Upper end of the 80% band.").optional(),
  errorFraction: quantity("modeled", "fraction", "(projectedNs - measuredNs) / measuredNs.").optional(),
  insideBand: z.boolean().meta({ description: "Whether measuredNs lies within the band." }).optional(),
  fitted: z
    .boolean()
    .meta({ description: "Whether the row took part in the fit of the constants that ship." })
    .optional(),
  fold: z
    .number()
    .int()
    .min(0)
    .meta({
      description: "The fold that the constants used here were fitted without; absent for rows that do not ship.",
    })
    .optional(),
  basis: z
    .enum(["engine", "otherEngine", "otherFamily"])
    .meta({ description: "What the projection stands on, as in `project`." })
    .optional(),
  family: text("Family of accelerators whose constants are used.").optional(),
});

/** Errors over the rows of an accelerator and a kernel kind; `all` stands for all of them. */
export const summaryRowSchema = z.strictObject({
  row: z.literal("summary"),
  kind: z.literal("modeled"),
  accelerator: text("Name of the accelerator, or all."),
  kernelKind: text("Kind of the kernel, or all."),
  rows: whole("Measured rows."),
  seeds: whole("Divisions into folds that errors are averaged over; 1 where rows do not ship."),
  meanAbsoluteErrorFraction: amount("modeled", "fraction", "Mean of |projected - measured| / measured."),
  medianAbsoluteErrorFraction: amount("modeled", "fraction", "Its median."),
  worstAbsoluteErrorFraction: amount("modeled", "fraction", "Its largest."),
  insideBandFraction: amount("modeled", "fraction", "Share of rows whose measured time lies within the 80% band."),
});

export type MeasurementRow = z.infer<typeof measurementRowSchema>;
export type SummaryRow = z.infer<typeof summaryRowSchema>;
