import { allocatePacked, allocateRows, fillNormWeight, fillRows, readRow } from "./activations.ts";
import { createArena } from "./arena.ts";
import { type Check, compare, float32Tolerance, type KernelCase, requantizedTolerance, worst } from "./case.ts";
import { allocateExperts, expertReference, expertSteps, packExperts } from "./experts.ts";
import { addSteps, matmulSteps, packSteps, rmsNormSteps, rowSteps } from "./linear.ts";
import { barrier, call, type Step, segment, shareOf } from "./program.ts";
import { matmul, rmsNorm } from "./reference/linear.ts";
import { routeReference } from "./reference/router.ts";
import {
  allocateWeight,
  type Dtype,
  packScratchBytes,
  packSeededWeight,
  unpackColumn,
  weightSource,
} from "./weights.ts";

/** Router with softmax scores: Step-3 takes the topK probabilities as they are, Qwen3-MoE divides them by their sum. */
export interface RouterShape {
  readonly tokens: number;
  readonly hidden: number;
  readonly experts: number;
  readonly topK: number;
  readonly normalizeTopK: boolean;
  readonly seed: number;
}

/** Scores, softmax and top-k of one layer's router, float32 whatever the experts are stored in. */
export function routerCase(shape: RouterShape): KernelCase {
  const { tokens, hidden, experts, topK, seed } = shape;
  const arena = createArena();
  const x = allocateRows(arena, "x", tokens, hidden);
  const xPacked = allocatePacked(arena, "x", "f32", tokens, hidden);
  const gate = allocateWeight(arena, "gate", { dtype: "f32", columns: experts, k: hidden });
  const logits = allocateRows(arena, "logits", tokens, experts);
  const ids = arena.allocate("ids", "activations", tokens * topK * 4);
  const weights = arena.allocate("weights", "activations", tokens * topK * 4);
  const scratch = arena.allocate("packScratch", "scratch", packScratchBytes(hidden));

  return {
    buffers: arena.buffers,
    totalBytes: arena.totalBytes(),
    segmentWeights: [1],
    prepare(exports) {
      fillRows(exports, x, seed, 1);
      packSeededWeight(exports, gate, weightSource(seed, 2, hidden), scratch.address);
    },
    steps: (rank, ranks) => [
      ...packSteps(x, xPacked, rank, ranks),
      barrier,
      ...matmulSteps(gate, xPacked, logits, tokens, rank, ranks),
      barrier,
      ...rowSteps(tokens, rank, ranks, ({ first, last }) =>
        call(
          "routeSoftmax",
          logits.address,
          logits.strideBytes,
          ids.address,
          weights.address,
          first,
          last,
          experts,
          topK,
          Number(shape.normalizeTopK),
        ),
      ),
    ],
    check(memory) {
      const rows = sampled(tokens, 16);
      const chosen = new Int32Array(memory.buffer, ids.address, tokens * topK);
      const given = new Float32Array(memory.buffer, weights.address, tokens * topK);
      return worst(
        rows.map((token) => {
          const scores = matmul(readRow(memory, x, token), experts, (column) => unpackColumn(memory, gate, column));
          const slots = chosen.subarray(token * topK, (token + 1) * topK);
          const expected = routeReference(scores, topK, shape.normalizeTopK, Array.from(slots));
          return compare(given.subarray(token * topK, (token + 1) * topK), expected, float32Tolerance(hidden));
        }),
      );
    },
  };
}

/** Routed experts alone: `count` distinct experts, tokensPerExpert rows each. */
export interface ExpertMatmulShape {
  readonly count: number;
  readonly tokensPerExpert: number;
  readonly hidden: number;
  readonly expertDim: number;
  readonly dtype: Dtype;
  readonly seed: number;
}

/** Grouped SwiGLU (gate, up, down) over experts with equal loads. */
export function expertMatmulCase(shape: ExpertMatmulShape): KernelCase {
  const { count, tokensPerExpert, hidden, expertDim, seed } = shape;
  const arena = createArena();
  const experts = allocateExperts(arena, "experts", { ...shape, rows: count * tokensPerExpert });
  const scratch = arena.allocate(
    "packScratch",
    "scratch",
    Math.max(packScratchBytes(hidden), packScratchBytes(expertDim)),
  );
  return {
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
      const columns = sampled(hidden, 32);
      const rows =
        count * tokensPerExpert * hidden * expertDim <= 4e6
          ? sampled(count * tokensPerExpert, 1e9)
          : [0, count * tokensPerExpert - 1];
      return worst(
        [...new Set(rows)].map((row) => {
          const expected = expertReference(
            memory,
            experts,
            Math.floor(row / tokensPerExpert),
            readRow(memory, experts.input, row),
            columns,
          );
          const output = readRow(memory, experts.output, row);
          const tolerance = shape.dtype === "f32" ? float32Tolerance(hidden + expertDim) : requantizedTolerance;
          return compare(
            columns.map((column) => output[column] as number),
            expected,
            tolerance,
          );
        }),
      );
    },
  };
}

/** One MoE layer, of which the first `residentExperts` stand in memory, as on one rank of expert parallelism. */
export interface MoeLayerShape extends RouterShape {
  readonly residentExperts: number;
  readonly expertDim: number;
  /** 0: no shared expert. */
  readonly sharedDim: number;
  readonly dtype: Dtype;
  readonly epsilon: number;
  /** `router`: each token goes where the router sends it. `balanced`: assignment i goes to expert i mod experts, so that every expert gets the same number of tokens; the weights stay the router's. */
  readonly routing: "router" | "balanced";
}

/**
 * y = x + shared(z) + sum of weight_e E_e(z) over the resident experts, z = RMSNorm(x): norm, router, grouping, experts, shared expert, combine, residual.
 * Segment 1 is the resident experts alone; it counts experts / residentExperts times where the layer's time is composed.
 *
 * @source Step-3's released modeling code: softmax over all experts, weights as they are, shared expert with weight 1.
 */
export function moeLayerCase(shape: MoeLayerShape): KernelCase {
  const { tokens, hidden, topK, residentExperts, dtype, seed, expertDim, sharedDim } = shape;
  const arena = createArena();
  const assignments = tokens * topK;
  const x = allocateRows(arena, "x", tokens, hidden);
  const norm = allocateRows(arena, "norm", 1, hidden, "weights");
  const normed = allocateRows(arena, "normed", tokens, hidden);
  const normedPacked = allocatePacked(arena, "normed", "f32", tokens, hidden);
  const gate = allocateWeight(arena, "gate", { dtype: "f32", columns: shape.experts, k: hidden });
  const logits = allocateRows(arena, "logits", tokens, shape.experts);
  const routed = arena.allocate("routedIds", "activations", assignments * 4);
  const ids = shape.routing === "router" ? routed : arena.allocate("balancedIds", "activations", assignments * 4);
  const weights = arena.allocate("weights", "activations", assignments * 4);
  const offsets = arena.allocate("offsets", "scratch", (shape.experts + 1) * 4);
  const assignmentRows = arena.allocate("rows", "scratch", assignments * 4);
  const residentRows =
    residentExperts === shape.experts || shape.routing === "router"
      ? assignments
      : balancedRows(assignments, shape.experts, residentExperts);
  const experts = allocateExperts(arena, "experts", {
    dtype,
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
          ...allocateExperts(arena, "shared", { dtype, count: 1, hidden, expertDim: sharedDim, rows: tokens }),
          input: normed,
          output: y,
        };
  const scratch = arena.allocate(
    "packScratch",
    "scratch",
    Math.max(packScratchBytes(hidden), packScratchBytes(Math.max(expertDim, sharedDim))),
  );
  const rowLimit = offsets.address + residentExperts * 4;

  function steps(rank: number, ranks: number): Step[] {
    const items = shareOf(assignments, rank, ranks);
    const router = rowSteps(tokens, rank, ranks, ({ first, last }) =>
      call(
        "routeSoftmax",
        logits.address,
        logits.strideBytes,
        routed.address,
        weights.address,
        first,
        last,
        shape.experts,
        topK,
        Number(shape.normalizeTopK),
      ),
    );
    const group =
      rank === 0
        ? [call("groupByExpert", ids.address, assignments, shape.experts, offsets.address, assignmentRows.address)]
        : [];
    return [
      ...rmsNormSteps(x, norm, normed, shape.epsilon, rank, ranks),
      ...packSteps(normed, normedPacked, rank, ranks),
      barrier,
      ...matmulSteps(gate, normedPacked, logits, tokens, rank, ranks),
      barrier,
      ...router,
      barrier,
      ...group,
      barrier,
      call(
        "gatherRows",
        normed.address,
        normed.strideBytes,
        experts.input.address,
        experts.input.strideBytes,
        hidden * 4,
        assignmentRows.address,
        items.first,
        items.last,
        topK,
        rowLimit,
      ),
      barrier,
      segment(1),
      ...expertSteps(experts, rank, ranks),
      barrier,
      segment(0),
      ...(shared === undefined ? clearSteps(rank, ranks) : expertSteps(shared, rank, ranks)),
      barrier,
      ...addSteps(x, y, rank, ranks),
      ...rowSteps(tokens, rank, ranks, ({ first, last }) =>
        call(
          "combineRows",
          experts.output.address,
          experts.output.strideBytes,
          weights.address,
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

  function clearSteps(rank: number, ranks: number): Step[] {
    return rowSteps(tokens, rank, ranks, ({ first, last }) =>
      call("clearBytes", y.address + first * y.strideBytes, (last - first) * y.strideBytes),
    );
  }

  function check(memory: WebAssembly.Memory): Check {
    const columns = sampled(hidden, 32);
    const used = new Int32Array(memory.buffer, ids.address, assignments);
    const chosen = new Int32Array(memory.buffer, routed.address, assignments);
    const given = new Float32Array(memory.buffer, weights.address, assignments);
    const few = tokens * hidden * (topK * expertDim + sharedDim) <= 8e6;
    // At full size: the token of the first assignment to a resident expert, and the last token.
    const someToken = Math.max(0, Math.floor(used.findIndex((id) => id < residentExperts) / topK));
    const rows = few ? sampled(tokens, 1e9) : [...new Set([someToken, tokens - 1])];
    return worst(
      rows.flatMap((token) => {
        const input = readRow(memory, x, token);
        const z = rmsNorm(input, readRow(memory, norm, 0), shape.epsilon);
        const scores = matmul(z, shape.experts, (column) => unpackColumn(memory, gate, column));
        const slots = Array.from(chosen.subarray(token * topK, (token + 1) * topK));
        const probabilities = routeReference(scores, topK, shape.normalizeTopK, slots);
        const expected = new Float64Array(columns.length);
        const add = (values: Float64Array, weight: number): void => {
          for (let i = 0; i < expected.length; i++)
            expected[i] = (expected[i] as number) + weight * (values[i] as number);
        };
        if (shared !== undefined) add(expertReference(memory, shared, 0, z, columns), 1);
        for (let slot = 0; slot < topK; slot++) {
          const expert = used[token * topK + slot] as number;
          if (expert < residentExperts)
            add(expertReference(memory, experts, expert, z, columns), probabilities[slot] as number);
        }
        const output = readRow(memory, y, token);
        const actual = columns.map((column) => (output[column] as number) - (input[column] as number));
        const tolerance =
          dtype === "f32" ? float32Tolerance(2 * hidden + expertDim + sharedDim) * 4 : requantizedTolerance;
        return [
          compare(given.subarray(token * topK, (token + 1) * topK), probabilities, float32Tolerance(hidden)),
          compare(actual, expected, tolerance),
        ];
      }),
    );
  }

  return {
    buffers: arena.buffers,
    totalBytes: arena.totalBytes(),
    segmentWeights: [1, shape.experts / residentExperts],
    prepare(exports, memory) {
      fillRows(exports, x, seed, 1);
      fillNormWeight(exports, memory, norm, seed, 2);
      packSeededWeight(exports, gate, weightSource(seed, 3, hidden), scratch.address);
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

/** Up to `most` whole numbers spread over [0, count). */
function sampled(count: number, most: number): number[] {
  const stride = Math.max(1, Math.ceil(count / most));
  return Array.from({ length: Math.ceil(count / stride) }, (_, index) => index * stride);
}
