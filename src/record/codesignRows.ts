import { z } from "zod";
import { text, whole } from "./quantity.ts";

/** Units of a finding's value. */
const UNITS = ["FLOP/byte", "tokens", "fraction", "experts", "count", "ns", "byte", "cards", "sequences"] as const;

/** What the report's co-design reasoning says of a model, alone or on an accelerator. */
export const codesignRowSchema = z.strictObject({
  kind: z.literal("modeled"),
  model: text("Name of the model."),
  contextTokens: whole("Cached tokens that each decoded token attends to."),
  accelerator: text("Name of the accelerator; absent for what holds on any.").optional(),
  quantity: text("What was worked out."),
  kvBits: whole(
    "Bits of a cached element, in a what-if; absent: those that the model's card gives each layer.",
  ).optional(),
  draftTokens: whole("Tokens drafted in a step, in a what-if; absent: none.").optional(),
  value: z
    .number()
    .meta({ description: "Its value; absent where a figure is missing, which `verdict` names." })
    .optional(),
  unit: z.enum(UNITS).meta({ description: "Unit of `value`." }),
  bound: z
    .enum(["compute", "memory", "network", "capacity"])
    .meta({
      description: "What limits: peak, memory bandwidth, network or size of memory; absent where nothing does.",
    })
    .optional(),
  verdict: text("What it means, in words; absent where the value speaks for itself.").optional(),
});

export type CodesignRow = z.infer<typeof codesignRowSchema>;
