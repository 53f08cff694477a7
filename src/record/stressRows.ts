import { z } from "zod";
import { amount, text, whole } from "./quantity.ts";

/** How a seed's run can end. */
export const STRESS_STATUSES = ["ok", "unrecoverable", "violated"] as const;
export type StressStatus = (typeof STRESS_STATUSES)[number];

/** One random configuration with its faults, run once. */
export const stressRowSchema = z.strictObject({
  kind: z.literal("measured"),
  seed: whole("Seed that the configuration and its faults follow from.", 0),
  deployment: text("Attention and FFN instances at the beginning, such as 2A2F."),
  attentionInstances: whole("Attention instances at the beginning."),
  ffnInstances: whole("FFN instances at the beginning."),
  microBatches: whole("Micro-batches under way."),
  steps: whole("Decode steps."),
  threadsPerInstance: whole("Threads of each instance."),
  emulated: z.boolean().meta({ description: "Whether stages were emulated; else they ran kernels." }),
  faults: text("Faults that were injected, as pipeline --faults takes them; none: there were none."),
  faultsInjected: whole("Their number.", 0),
  status: z.enum(STRESS_STATUSES).meta({
    description: "ok; unrecoverable: given up, as the faults justify; violated: something did not hold.",
  }),
  statusReason: text("What could not be recovered, or what did not hold.").optional(),
  runNs: amount("measured", "ns", "How long the run took, with its check."),
  replay: text("Command line that runs this seed again."),
  shrunk: text("Command line of the smallest run found in which something does not hold either.").optional(),
});

export type StressRow = z.infer<typeof stressRowSchema>;
