import { InvalidInputError } from "../units/errors.ts";
import { allocatePacked, allocateRows, fillNormWeight, fillRows, readRow } from "./activations.ts";
import { createArena } from "./arena.ts";
import { type Bounded, type Check, compareBounded, type KernelCase, worst } from "./case.ts";
import { checkDimensions } from "./dimensions.ts";
import { allocateExperts, type Experts, expertReference, expertSteps, expertWork, packExperts } from "./experts.ts";
import { addSteps, packSteps, rmsNormSteps, rowSteps } from "./linear.ts";
import { barrier, call, type Step, segment, shareOf, term } from "./program.ts";
import { boundedMatmul, boundedNorm, boundedScale, boundedTotal, exactly } from "./reference/bounded.ts";
import type { Activation } from "./reference/linear.ts";
import {
  allocateRouter,
  checkRouted,
  packRouter,
  type RouterShape,
  routerSteps,
  routerWork,
  spread,
} from "./router.ts";
import { packScratchBytes, type WeightDtype } from "./weights.ts";
import { type CaseWork, vectorWork } from "./work.ts";

/** Routed experts alone: `count` distinct experts, tokensPerExpert rows each. */
export interface ExpertMatmulShape {
  readonly count: number;
  readonly tokensPerExpert: number;
  readonly hidden: number;
  readonly expertDim: number;
  /** `silu` where absent. */
  readonly activation?: Activation;
  /** How the experts' weights are stored. */
  readonly dtype: WeightDtype;
  readonly seed: number;
}

/** Grouped SwiGLU (gate, up, down) over experts with equal loads. */
export function expertMatmulCase(shape: ExpertMatmulShape): KernelCase {
  const { count, tokensPerExpert, hidden, expertDim, seed } = shape;
  checkDimensions({ count, hidden, expertDim });
  checkDimensions({ tokensPerExpert }, 0);
  const arena = createArena();
  const experts = allocateExperts(arena, "experts", { ...shape, rows: count * tokensPerExpert });
  const scratch = arena.allocate(
    "packScratch",
    "scratch",
    Math.max(packScratchBytes(hidden), packScratchBytes(expertDim)),
  );
  const load = { rows: count * tokensPerExpert, busy: tokensPerExpert === 0 ? 0 : count };
  return {
    work: { term: "moe.experts", ...expertWork("moe.experts", experts, load) },
    buffers: arena.buffers,
    totalBytes: arena.totalBytes(),
    segmentWeights: [1],
    prepare(exports, memory) {
      fillRows(exports, experts.input, seed, 1);
      const offsets = new Int32Array(memory.buffer, experts.offsets.address, count + 1);
      for (let expert = 0; expert <= count; expert++) offsets[expert] = expert * tokensPerExpert;
      packExperts(exports, experts, seed, 2, scratch.address);
    },
    steps: (rank, ranks) => expertSteps(experts, rank, ranks),
    check(memory) {
      const columns = spread(hidden, 32);
      const rows =
        count * tokensPerExpert * hidden * expertDim <= 4e6
          ? spread(count * tokensPerExpert, 1e9)
          : [0, count * tokensPerExpert - 1];
      return worst(
        [...new Set(rows)].map((row) => {
          const expected = expertReference(
            memory,
            experts,
            Math.floor(row / tokensPerExpert),
            exactly(readRow(memory, experts.input, row)),
            columns,
          );
          const output = readRow(memory, experts.output, row);
          return compareBounded(
            columns.map((column) => output[column] as number),
            expected,
          );
        }),
      );
    },
  };
}

/** Norm, grouping, gathering and residual: in no formula. */
const restTerm = "moe.rest";

/** One MoE layer, of which the first `residentExperts` stand in memory, as on one rank of expert parallelism. */
export interface MoeLayerShape extends RouterShape {
  readonly residentExperts: number;
  readonly expertDim: number;
  /** 0: no shared expert. */
  readonly sharedDim: number;
  /** Whether a learned gate of its own weighs the shared expert's output; false where absent. */
  readonly sharedGate?: boolean;
  /** `silu` where absent. */
  readonly activation?: Activation;
  /** How the experts' weights are stored. */
  readonly dtype: WeightDtype;
  readonly epsilon: number;
  /** `router`: each token goes where the router sends it. `balanced`: assignment i goes to expert i mod experts, so that every expert gets the same number of tokens; the weights stay the router's. */
  readonly routing: "router" | "balanced";
}

/**
 * y = x + shared(z) + sum of weight_e E_e(z) over the resident experts, z = RMSNorm(x): norm, router, grouping, experts, shared expert, combine, residual.
 * Where the router scales inputs, E_e(weight_e z); where the shared expert has a gate, its output times sigmoid(z . gate).
 * Segment 1 is the resident experts alone; it counts experts / residentExperts times where the layer's time is composed.
 *
 * @source Step-3's released modeling code: softmax over all experts, weights as they are, shared expert with weight 1.
 */
export function moeLayerCase(shape: MoeLayerShape): KernelCase {
  const { tokens, hidden, residentExperts, dtype, seed, expertDim, sharedDim, activation = "silu" } = shape;
  const { topK, scalesInput } = shape.router;
  checkDimensions({ tokens, hidden, residentExperts, expertDim });
  checkDimensions({ sharedDim }, 0);
  if (residentExperts > shape.experts) {
    const expected = `at most the ${shape.experts} experts of the layer`;
    throw new InvalidInputError({ field: "residentExperts", value: residentExperts, expected });
  }
  const arena = createArena();
  const assignments = tokens * topK;
  const x = allocateRows(arena, "x", tokens, hidden);
  const norm = allocateRows(arena, "norm", 1, hidden, "weights");
  const normed = allocateRows(arena, "normed", tokens, hidden);
  const normedPacked = allocatePacked(arena, "normed", "f32", tokens, hidden);
  const router = allocateRouter(arena, shape);
  const routed = router.ids;
  const ids = shape.routing === "router" ? routed : arena.allocate("balancedIds", "activations", assignments * 4);
  const offsets = arena.allocate("offsets", "scratch", (shape.experts + 1) * 4);
  const assignmentRows = arena.allocate("rows", "scratch", assignments * 4);
  const residentRows =
    residentExperts === shape.experts || shape.routing === "router"
      ? assignments
      : balancedRows(assignments, shape.experts, residentExperts);
  const experts = allocateExperts(arena, "experts", {
    dtype,
    activation,
    count: residentExperts,
    hidden,
    expertDim,
    rows: residentRows,
    offsets,
  });
  const y = allocateRows(arena, "y", tokens, hidden);
  const shared =
    sharedDim === 0
      ? undefined
      : {
          ...allocateExperts(arena, "shared", {
            dtype,
            activation,
            count: 1,
            hidden,
            expertDim: sharedDim,
            rows: tokens,
          }),
          input: normed,
          output: y,
        };
  const sharedGate =
    shared === undefined || shape.sharedGate !== true
      ? undefined
      : allocateRows(arena, "sharedGate", 1, hidden, "weights");
  const scratch = arena.allocate(
    "packScratch",
    "scratch",
    Math.max(packScratchBytes(hidden), packScratchBytes(Math.max(expertDim, sharedDim))),
  );
  const rowLimit = offsets.address + residentExperts * 4;

  const load = {
    rows: residentRows,
    busy: Math.min(residentExperts, assignments),
    times: shape.experts / residentExperts,
  };
  const parts = [
    routerWork(router),
    expertWork("moe.experts", experts, load),
    ...(shared === undefined ? [] : [expertWork("moe.shared", shared, { rows: tokens, busy: 1 })]),
  ];
  const combined = {
    term: "moe.combine",
    fraction: residentRows / assignments,
    detail: `${residentExperts} of ${shape.experts} experts stand here`,
  };
  const work: CaseWork = {
    term: restTerm,
    partial: [combined],
    products: parts.flatMap(({ products }) => products),
    tensors: [
      ...parts.flatMap(({ tensors }) => tensors),
      vectorWork(restTerm, norm),
      ...(sharedGate === undefined ? [] : [vectorWork("moe.shared", sharedGate, { form: "matrix" })]),
    ],
  };

  function steps(rank: number, ranks: number): Step[] {
    const group =
      rank === 0
        ? [call("groupByExpert", ids.address, assignments, shape.experts, 0, offsets.address, assignmentRows.address)]
        : [];
    return [
      ...rmsNormSteps(x, norm, normed, shape.epsilon, rank, ranks),
      ...packSteps(normed, normedPacked, rank, ranks),
      barrier,
      term("moe.router"),
      ...routerSteps(router, normedPacked, rank, ranks),
      term(restTerm),
      barrier,
      ...group,
      barrier,
      gatherStep(rank, ranks),
      barrier,
      segment(1),
      term("moe.experts"),
      ...expertSteps(experts, rank, ranks),
      barrier,
      segment(0),
      term("moe.shared"),
      ...(shared === undefined ? clearSteps(rank, ranks) : expertSteps(shared, rank, ranks)),
      barrier,
      ...sharedGateSteps(rank, ranks),
      term(restTerm),
      ...addSteps(x, y, rank, ranks),
      term("moe.combine"),
      ...rowSteps(tokens, rank, ranks, ({ first, last }) =>
        call(
          "combineRows",
          experts.output.address,
          experts.output.strideBytes,
          scalesInput ? 0 : router.weights.address,
          assignmentRows.address,
          y.address,
          y.strideBytes,
          first,
          last,
          topK,
          Math.ceil(hidden / 4) * 4,
          rowLimit,
        ),
      ),
    ];
  }

  function gatherStep(rank: number, ranks: number): Step {
    const items = shareOf(assignments, rank, ranks);
    const source = [normed.address, normed.strideBytes];
    const target = [experts.input.address, experts.input.strideBytes, hidden * 4];
    const which = [assignmentRows.address, items.first, items.last, topK, rowLimit];
    return scalesInput
      ? call("gatherScaledRows", ...source, router.weights.address, ...target, ...which)
      : call("gatherRows", ...source, ...target, ...which);
  }

  function sharedGateSteps(rank: number, ranks: number): Step[] {
    if (sharedGate === undefined) return [];
    const operands = [normed.address, normed.strideBytes, sharedGate.address, y.address, y.strideBytes];
    return rowSteps(tokens, rank, ranks, ({ first, last }) => call("gateRows", ...operands, first, last, hidden));
  }

  function clearSteps(rank: number, ranks: number): Step[] {
    return rowSteps(tokens, rank, ranks, ({ first, last }) =>
      call("clearBytes", y.address + first * y.strideBytes, (last - first) * y.strideBytes),
    );
  }

  function check(memory: WebAssembly.Memory): Check {
    const columns = spread(hidden, 32);
    const used = new Int32Array(memory.buffer, ids.address, assignments);
    const few = tokens * hidden * (topK * expertDim + sharedDim) <= 8e6;
    // At full size: the token of the first assignment to a resident expert, and the last token.
    const someToken = Math.max(0, Math.floor(used.findIndex((id) => id < residentExperts) / topK));
    const rows = few ? spread(tokens, 1e9) : [...new Set([someToken, tokens - 1])];
    return worst(
      rows.flatMap((token) => {
        const input = readRow(memory, x, token);
        const z = boundedNorm(exactly(input), readRow(memory, norm, 0), shape.epsilon);
        const { check: choice, weights } = checkRouted(memory, router, token, z);
        const parts: Bounded[] = shared === undefined ? [] : [sharedPart(memory, shared, z, columns)];
        for (let slot = 0; slot < topK; slot++) {
          const expert = used[token * topK + slot] as number;
          const weight = { value: weights.values[slot] as number, error: weights.errors[slot] as number };
          if (expert >= residentExperts) continue;
          if (scalesInput) parts.push(expertReference(memory, experts, expert, boundedScale(z, weight), columns));
          else parts.push(boundedScale(expertReference(memory, experts, expert, z, columns), weight));
        }
        // The row of y begins as x and the shared expert's output, and is added to part by part.
        const expected = boundedTotal(
          columns.map((column) => input[column] as number),
          parts,
        );
        const output = readRow(memory, y, token);
        const actual = columns.map((column) => (output[column] as number) - (input[column] as number));
        return [choice, compareBounded(actual, expected)];
      }),
    );
  }

  function sharedPart(memory: WebAssembly.Memory, expert: Experts, z: Bounded, columns: readonly number[]): Bounded {
    const output = expertReference(memory, expert, 0, z, columns);
    if (sharedGate === undefined) return output;
    const gate = readRow(memory, sharedGate, 0);
    const logit = boundedMatmul(z, 1, () => gate, "float32");
    const value = 1 / (1 + Math.exp(-(logit.values[0] as number)));
    return boundedScale(output, { value, error: value * ((logit.errors[0] as number) + 2 ** -20) });
  }

  return {
    // Where the router deals the tokens, nobody knows what each expert gets before it ran.
    ...(shape.routing === "balanced" ? { work } : {}),
    buffers: arena.buffers,
    totalBytes: arena.totalBytes(),
    segmentWeights: [1, shape.experts / residentExperts],
    prepare(exports, memory) {
      fillRows(exports, x, seed, 1);
      fillNormWeight(exports, memory, norm, seed, 2);
      packRouter(exports, router, 3, scratch.address);
      if (sharedGate !== undefined) fillRows(exports, sharedGate, seed, 8, Math.sqrt(3 / hidden));
      packExperts(exports, experts, seed, 4, scratch.address);
      if (shared !== undefined) {
        packExperts(exports, shared, seed, 6, scratch.address);
        new Int32Array(memory.buffer, shared.offsets.address, 2).set([0, tokens]);
      }
      if (shape.routing === "balanced") {
        const table = new Int32Array(memory.buffer, ids.address, assignments);
        for (let i = 0; i < assignments; i++) table[i] = i % shape.experts;
      }
    },
    steps,
    check,
  };
}

/** Rows that fall to the first `resident` experts when assignment i goes to expert i mod experts. */
function balancedRows(assignments: number, experts: number, resident: number): number {
  const rounds = Math.floor(assignments / experts);
  return rounds * resident + Math.min(resident, assignments % experts);
}
