import { z } from "zod";
import { between, kindsOf, object, whole } from "./cardFields.ts";
import { LIMITS } from "./fields.ts";
import { SCALING_LIMITS, yarnMagnitude } from "./ropeScaling.ts";

const factor = between(SCALING_LIMITS.factor, "How many times longer contexts become.");
const originalTokens = whole(LIMITS.contextTokens, "Context that the model was first trained at.");
const attentionFactor = between(SCALING_LIMITS.attentionFactor, "What cosines and sines are multiplied with.");
const divisors = (description: string) => {
  const [least, most] = SCALING_LIMITS.divisor;
  const expected = `a list of numbers from ${least} to ${most}`;
  return z.array(z.number(expected).min(least, expected).max(most, expected), expected).meta({ description });
};

const yarn = object(
  {
    kind: z.literal("yarn"),
    factor,
    originalTokens,
    betaFast: between(SCALING_LIMITS.turns, "Turns within originalTokens from which a frequency stays.").default(32),
    betaSlow: between(SCALING_LIMITS.turns, "Turns up to which it is divided by the factor.").default(1),
    truncate: z
      .boolean("true or false")
      .default(true)
      .meta({ description: "Whether the ends of the range between are rounded outwards to whole dimensions." }),
    attentionFactor: attentionFactor
      .optional()
      .meta({ description: "What cosines and sines are multiplied with; absent: 0.1 ln factor + 1." }),
  },
  "YaRN: fast frequencies stay, slow ones are divided by the factor, those between are mixed.",
).transform((written) => ({ ...written, attentionFactor: written.attentionFactor ?? yarnMagnitude(written.factor) }));

const llama3 = object(
  {
    kind: z.literal("llama3"),
    factor,
    originalTokens,
    lowFactor: between(SCALING_LIMITS.turns, "Turns within originalTokens up to which a frequency is divided.").default(
      1,
    ),
    highFactor: between(SCALING_LIMITS.turns, "Turns from which it stays.").default(4),
  },
  "As Llama 3.1: frequencies stay, are divided by the factor, or are mixed, by their turns.",
);

const longrope = object(
  {
    kind: z.literal("longrope"),
    originalTokens,
    shortFactors: divisors("A divisor for each pair that RoPE turns, up to originalTokens."),
    longFactors: divisors("The same beyond originalTokens."),
    attentionFactor,
  },
  "LongRoPE: a divisor for each frequency.",
);

/** How a hand-written card stretches RoPE. */
export const ropeScalingSchema = z
  .discriminatedUnion(
    "kind",
    [
      object({ kind: z.literal("none") }, "As it was trained."),
      object({ kind: z.literal("linear"), factor }, "Every frequency is divided by the factor."),
      object({ kind: z.literal("ntk"), factor }, "A larger base: the slowest frequency is divided by the factor."),
      object({ kind: z.literal("dynamic"), factor, originalTokens }, "A base that grows beyond originalTokens."),
      yarn,
      llama3,
      longrope,
    ],
    kindsOf("none", "linear", "ntk", "dynamic", "yarn", "llama3", "longrope"),
  )
  .default({ kind: "none" })
  .meta({ description: "How RoPE is stretched to longer contexts; no shape depends on it." });
