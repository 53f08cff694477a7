import { z } from "zod";
import { flag, kindsOf, object, oneOf, positive, whole } from "./cardFields.ts";
import { LIMITS } from "./fields.ts";

const activation = oneOf(["silu", "gelu", "clampedSilu"], "silu is SwiGLU, gelu GeGLU, clampedSilu that of gpt-oss.");

const router = object(
  {
    topK: whole(LIMITS.experts, "Experts that each token is sent to."),
    score: oneOf(["softmax", "sigmoid"], "How logits become scores.").default("softmax"),
    normalizeTopK: flag("Whether the chosen experts' weights are divided by their sum."),
    scalingFactor: positive(1e6, "What the weights are multiplied with.").default(1),
    correctionBias: flag("Whether a learned bias takes part in the choice."),
    logitBias: flag("Whether the router's product has a bias."),
    scalesInput: flag("Whether a weight scales its expert's input, not its output."),
    groups: whole(LIMITS.experts, "Groups of equal size that the experts are in.").default(1),
    groupsKept: whole(LIMITS.experts, "Groups that stay in the choice; absent: all.").optional(),
    groupRule: oneOf(
      ["none", "best", "sumOfBestTwo", "equalShares"],
      "What a group is judged by, or that each gives topK / groups of its experts; none with one group.",
    ).default("none"),
  },
  "How experts are chosen. All but topK changes no FLOPs and bytes.",
);

const dense = object(
  {
    kind: z.literal("dense"),
    width: whole(LIMITS.width, "Intermediate width."),
    activation: activation.default("silu"),
  },
  "One gated FFN.",
);

const moe = object(
  {
    kind: z.literal("moe"),
    experts: whole(LIMITS.experts, "Routed experts."),
    expertDim: whole(LIMITS.width, "Intermediate width of one expert."),
    sharedDim: whole(LIMITS.width, "Total intermediate width of the shared experts; 0 without one.", 0),
    sharedGate: flag("Whether the shared expert's output is weighted by a gate of its own."),
    activation: activation.default("silu"),
    router,
  },
  "Routed gated experts, and one shared expert.",
).superRefine(({ experts, router: { topK, groups, groupsKept = groups, groupRule } }, context) => {
  const refuse = (key: string, message: string) => context.addIssue({ code: "custom", path: ["router", key], message });
  if (experts % groups !== 0) return refuse("groups", `a divisor of experts (${experts})`);
  if (groupsKept > groups) return refuse("groupsKept", `a whole number from 1 to groups (${groups})`);
  if (groups > 1 && groupRule === "none") return refuse("groupRule", "best, sumOfBestTwo or equalShares, with groups");
  if (groups === 1 && groupRule !== "none") return refuse("groupRule", "none, with one group");
  if (groupRule === "equalShares" && topK % groups !== 0) return refuse("topK", `a multiple of groups (${groups})`);
  if (groupRule === "sumOfBestTwo" && experts < 2 * groups)
    return refuse("groups", `at most experts / 2 for this rule`);
  const most = (experts / groups) * groupsKept;
  if (topK > most) refuse("topK", `a whole number from 1 to ${most}, the experts in the choice`);
});

/** FFN of one layer as a hand-written card has it. */
export const ffnSchema = z
  .discriminatedUnion("kind", [dense, moe], kindsOf("dense", "moe"))
  .meta({ id: "ffn", description: "FFN of one layer; widths in elements." });
