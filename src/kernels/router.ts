import { allocatePacked, allocateRows, fillRows, type PackedRows, type Rows, readRow } from "./activations.ts";
import { type Arena, type Buffer, createArena } from "./arena.ts";
import { type Bounded, type Check, compareBounded, type KernelCase, worst } from "./case.ts";
import { checkDimensions } from "./dimensions.ts";
import { matmulSteps, packSteps } from "./linear.ts";
import { barrier, call, type Share, type Step, shareOf } from "./program.ts";
import { boundedAdd, boundedMatmul, exactly } from "./reference/bounded.ts";
import { type RouterInput, weightsOfChosen } from "./reference/router.ts";
import { checkRule, choosesByScore, dropsGroups, type RouterRule } from "./routerRule.ts";
import {
  allocateWeight,
  type PackedWeight,
  packScratchBytes,
  packSeededWeight,
  unpackColumn,
  weightSource,
} from "./weights.ts";
import { type CaseWork, vectorWork, weightWork } from "./work.ts";

/** Scores of all experts for `tokens` tokens, and the choice of topK. */
export interface RouterShape {
  readonly tokens: number;
  readonly hidden: number;
  readonly experts: number;
  readonly router: RouterRule;
  readonly seed: number;
}

/** The buffers of a router inside a case; its input is packed float32. */
export interface Router {
  readonly shape: RouterShape;
  readonly gate: PackedWeight;
  readonly logitBias: Rows | undefined;
  /** Zeros where the choice is made on scores alone. */
  readonly choiceBias: Rows | undefined;
  /** What experts are chosen by; logits until then. */
  readonly choice: Rows;
  readonly scores: Rows;
  readonly groupScores: Buffer;
  /** topK a token: int32 ids, float32 weights. */
  readonly ids: Buffer;
  readonly weights: Buffer;
}

/** Scores and choice of one layer's router, float32 whatever the experts are stored in. */
export function routerCase(shape: RouterShape): KernelCase {
  const { tokens, hidden, seed } = shape;
  const arena = createArena();
  const x = allocateRows(arena, "x", tokens, hidden);
  const xPacked = allocatePacked(arena, "x", "f32", tokens, hidden);
  const router = allocateRouter(arena, shape);
  const scratch = arena.allocate("packScratch", "scratch", packScratchBytes(hidden));
  return {
    work: { term: "moe.router", ...routerWork(router) },
    buffers: arena.buffers,
    totalBytes: arena.totalBytes(),
    segmentWeights: [1],
    prepare(exports) {
      fillRows(exports, x, seed, 1);
      packRouter(exports, router, 2, scratch.address);
    },
    steps: (rank, ranks) => [
      ...packSteps(x, xPacked, rank, ranks),
      barrier,
      ...routerSteps(router, xPacked, rank, ranks),
    ],
    check: (memory) =>
      worst(
        spread(tokens, 16).map((token) => checkRouted(memory, router, token, exactly(readRow(memory, x, token))).check),
      ),
  };
}

/** The gate's product, its weights and biases. */
export function routerWork({ shape, gate, logitBias, choiceBias }: Router): Pick<CaseWork, "products" | "tensors"> {
  const { product, tensor } = weightWork("moe.router", gate, shape.tokens);
  const biases = [logitBias, choiceBias].filter((rows) => rows !== undefined);
  return { products: [product], tensors: [tensor, ...biases.map((rows) => vectorWork("moe.router", rows))] };
}

/** @throws InvalidInputError where the rule can't choose topK experts. */
export function allocateRouter(arena: Arena, shape: RouterShape): Router {
  checkDimensions({ tokens: shape.tokens });
  return { shape, ...allocateRouterWeights(arena, shape), ...allocateRouterRows(arena, shape) };
}

/** What a router keeps; its rows may be shared with others. */
export type RouterWeights = Pick<Router, "gate" | "logitBias" | "choiceBias">;

/** @throws InvalidInputError where the rule can't choose topK experts. */
export function allocateRouterWeights(arena: Arena, shape: Omit<RouterShape, "tokens">): RouterWeights {
  const { hidden, experts, router } = shape;
  checkDimensions({ hidden, experts });
  checkRule(experts, router);
  const bias = (name: string): Rows => allocateRows(arena, name, 1, experts, "weights");
  return {
    gate: allocateWeight(arena, "gate", { dtype: "f32", columns: experts, k: hidden }),
    logitBias: router.logitBias ? bias("logitBias") : undefined,
    choiceBias: choosesByScore(router) ? bias("choiceBias") : undefined,
  };
}

/** What a router works in, and what it gives. */
export function allocateRouterRows(
  arena: Arena,
  { tokens, experts, router }: Pick<RouterShape, "tokens" | "experts" | "router">,
): Omit<Router, "shape" | keyof RouterWeights> {
  return {
    choice: allocateRows(arena, "logits", tokens, experts),
    scores: allocateRows(arena, "scores", tokens, experts),
    groupScores: arena.allocate("groupScores", "scratch", tokens * router.groups * 4),
    ids: arena.allocate("routedIds", "activations", tokens * router.topK * 4),
    weights: arena.allocate("weights", "activations", tokens * router.topK * 4),
  };
}

/**
 * Packs the gate and makes the biases: logits to half their size, choices to a tenth. Those of experts have numbers 100 and 101 above
 * their weights', so the biases of choices lie beyond them.
 */
export function packRouter(
  exports: Parameters<typeof packSeededWeight>[0],
  { shape, gate, logitBias, choiceBias }: RouterWeights & { readonly shape: Omit<RouterShape, "tokens"> },
  tensor: number,
  scratch: number,
): void {
  packSeededWeight(exports, gate, weightSource(shape.seed, tensor, shape.hidden), scratch);
  if (logitBias !== undefined) fillRows(exports, logitBias, shape.seed, tensor + 100, 0.5);
  if (choiceBias !== undefined && shape.router.correctionBias)
    fillRows(exports, choiceBias, shape.seed, tensor + 200, 0.1);
}

/** Product, scores, choice. The product is shared out by experts, the rest by tokens. */
export function routerSteps(router: Router, x: PackedRows, rank: number, ranks: number): Step[] {
  const { tokens } = router.shape;
  return [
    ...matmulSteps(router.gate, x, router.choice, tokens, rank, ranks),
    barrier,
    ...choiceSteps(router, shareOf(tokens, rank, ranks)),
  ];
}

function choiceSteps(router: Router, { first, last }: Share): Step[] {
  if (first === last) return [];
  const { choice, scores, logitBias, choiceBias, groupScores, ids, weights } = router;
  const { experts, router: rule } = router.shape;
  const logits = [choice.address, choice.strideBytes];
  const scored = [scores.address, scores.strideBytes];
  const bestCount = rule.groupRule === "sumOfBestTwo" ? 2 : 1;
  const parts = rule.groupRule === "equalShares" ? rule.groups : 1;
  return [
    ...(logitBias === undefined ? [] : [call("addBiasRows", logitBias.address, ...logits, first, last, experts)]),
    call(rule.score === "softmax" ? "softmaxScores" : "sigmoidScores", ...logits, ...scored, first, last, experts),
    ...(choiceBias === undefined
      ? []
      : [call("biasedChoice", ...scored, choiceBias.address, ...logits, first, last, experts)]),
    ...(dropsGroups(rule)
      ? [
          call(
            "keepBestGroups",
            ...logits,
            groupScores.address,
            first,
            last,
            experts,
            rule.groups,
            rule.groupsKept,
            bestCount,
          ),
        ]
      : []),
    call(
      "chooseExperts",
      ...logits,
      ...scored,
      ids.address,
      weights.address,
      first,
      last,
      experts,
      rule.topK,
      parts,
      Number(rule.normalizeTopK),
      rule.scalingFactor,
    ),
  ];
}

/** Whether a token's experts and weights are right, the experts chosen, and the weights that these should have. */
export interface Routed {
  readonly check: Check;
  readonly ids: readonly number[];
  readonly weights: Bounded;
}

/** Compares one token's choice and weights with the reference; `input` is what the gate saw. */
export function checkRouted(memory: WebAssembly.Memory, router: Router, token: number, input: Bounded): Routed {
  const { experts, router: rule } = router.shape;
  const { logitBias, choiceBias } = router;
  const column = (index: number): Float64Array => unpackColumn(memory, router.gate, index);
  const product = boundedMatmul(input, experts, column, "float32");
  const bias = logitBias === undefined ? undefined : readRow(memory, logitBias, 0);
  const logits = bias === undefined ? product : boundedAdd(product, (index) => bias[index] as number);
  const routerInput: RouterInput = {
    logits: logits.values,
    ...(choiceBias === undefined ? {} : { correctionBias: readRow(memory, choiceBias, 0) }),
  };
  const slots = { from: token * rule.topK, to: (token + 1) * rule.topK };
  const ids = Array.from(new Int32Array(memory.buffer, router.ids.address, slots.to).subarray(slots.from));
  const given = new Float32Array(memory.buffer, router.weights.address, slots.to).subarray(slots.from);
  // An error of a logit is a relative error of its softmax or sigmoid, and once more of the sum that divides it.
  const slack = logits.errors.reduce((most, error) => Math.max(most, error), 2 ** -21);
  const values = weightsOfChosen(routerInput, rule, ids, slack);
  const weights = { values, errors: values.map((weight) => Math.abs(weight) * (2 * slack + 2 ** -20) + 2 ** -126) };
  return { check: compareBounded(given, weights), ids, weights };
}

/** Up to `most` whole numbers spread over [0, count). */
export function spread(count: number, most: number): number[] {
  const stride = Math.max(1, Math.ceil(count / most));
  return Array.from({ length: Math.ceil(count / stride) }, (_, index) => index * stride);
}
