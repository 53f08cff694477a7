import { describe, expect, it } from "vitest";
import { createArena } from "../../src/kernels/arena.ts";
import { attentionCoreCase } from "../../src/kernels/attentionCore.ts";
import { resolveCore } from "../../src/kernels/attentionShape.ts";
import type { KernelCase } from "../../src/kernels/case.ts";
import { allocateKvCache, appendArguments } from "../../src/kernels/kvCache.ts";
import { kvDtypes, kvFormats } from "../../src/kernels/kvFormat.ts";
import { matmulCase } from "../../src/kernels/matmul.ts";
import { expertMatmulCase, moeLayerCase } from "../../src/kernels/moe.ts";
import { targets } from "../../src/kernels/target.ts";
import { edgeCases, modelRules, plainRule, weightDtypes } from "./edgeCases.ts";
import {
  bits,
  bufferOf,
  differing,
  floatsOf,
  type Machine,
  machineOf,
  prepare,
  results,
  rowOf,
  runRanks,
} from "./machine.ts";

describe.each(targets)("bits of target %s", (target) => {
  const machine = machineOf(target);

  it.each(edgeCases())("$name: do not depend on the number of threads, nor on their order", ({ build }) => {
    const kernelCase = build();
    prepare(machine, kernelCase);
    runRanks(machine, kernelCase, 1);
    const alone = results(machine, kernelCase);
    for (const ranks of [2, 3, 4]) {
      for (const order of ["rising", "falling"] as const) {
        prepare(machine, kernelCase);
        runRanks(machine, kernelCase, ranks, order);
        expect(differing(alone, results(machine, kernelCase)), `${ranks} threads, ${order}`).toEqual([]);
      }
    }
  });

  describe.each(weightDtypes)("%s", (dtype) => {
    it.each([2, 5, 6, 7, 8, 13, 19, 259])("a row of a matmul of %i rows has the bits of the row alone", (m) => {
      const shape = { n: 24, k: 517, dtype, seed: 5 };
      sameAlone(machine, matmulCase({ ...shape, m }), matmulCase({ ...shape, m: 1 }), {
        input: { name: "x", width: shape.k },
        output: { name: "y", width: shape.n },
        rows: m > 20 ? [0, 128, 255, 256, m - 1] : range(m),
      });
    });

    it("a row has the bits of the row alone where k is taken in parts", () => {
      // 257 rows take 2040 words of k at a time (assembly/tile/rows.ts): 8209 float32, or 2053 words of int8.
      const shape = { n: 8, k: 8209, dtype, seed: 7 };
      sameAlone(machine, matmulCase({ ...shape, m: 257 }), matmulCase({ ...shape, m: 1 }), {
        input: { name: "x", width: shape.k },
        output: { name: "y", width: shape.n },
        rows: [0, 130, 256],
      });
    });

    it("a row of a matmul does not see what stands in the rows beside it", () => {
      const [m, k, n] = [8, 45, 16];
      const kernelCase = matmulCase({ m, n, k, dtype, seed: 6 });
      prepare(machine, kernelCase);
      runRanks(machine, kernelCase, 1);
      const before = bits(rowOf(machine, kernelCase, "y", n, 3));
      for (const foreign of [1e30, -1e-40, Number.NaN, Number.POSITIVE_INFINITY]) {
        for (const row of range(m)) if (row !== 3) rowOf(machine, kernelCase, "x", k, row).fill(foreign);
        runRanks(machine, kernelCase, 1);
        expect(bits(rowOf(machine, kernelCase, "y", n, 3))).toBe(before);
        if (Number.isNaN(foreign)) expect(rowOf(machine, kernelCase, "y", n, 4).every(Number.isNaN)).toBe(true);
      }
    });

    it.each([2, 7, 11])("a row of an expert with %i tokens has the bits of the token alone", (tokensPerExpert) => {
      const shape = { count: 1, hidden: 37, expertDim: 21, dtype, seed: 7 };
      const alone = expertMatmulCase({ ...shape, tokensPerExpert: 1 });
      sameAlone(machine, expertMatmulCase({ ...shape, tokensPerExpert }), alone, {
        input: { name: "experts.input", width: shape.hidden },
        output: { name: "experts.output", width: shape.hidden },
        rows: range(tokensPerExpert),
      });
    });

    it.each([
      ["softmax", plainRule],
      ["groups and a bias", modelRules["deepseekV3"]?.rule ?? plainRule],
    ])("a token of a MoE layer does not see NaN or Infinity in another, which becomes NaN itself: %s", (_, rule) => {
      const [tokens, hidden, experts] = [5, 20, 24];
      const kernelCase = moeLayerCase({
        ...{ tokens, hidden, experts, residentExperts: experts, expertDim: 13, sharedDim: 9, router: rule },
        ...{ dtype, epsilon: 1e-5, routing: "router", seed: 12 },
      });
      prepare(machine, kernelCase);
      runRanks(machine, kernelCase, 1);
      const before = range(tokens).map((token) => bits(rowOf(machine, kernelCase, "y", hidden, token)));
      for (const foreign of [Number.NaN, Number.POSITIVE_INFINITY]) {
        rowOf(machine, kernelCase, "x", hidden, 2)[7] = foreign;
        runRanks(machine, kernelCase, 1);
        for (const token of [0, 1, 3, 4])
          expect(bits(rowOf(machine, kernelCase, "y", hidden, token))).toBe(before[token]);
        expect(rowOf(machine, kernelCase, "y", hidden, 2).every(Number.isNaN)).toBe(true);
      }
    });

    it("a token of a MoE layer has the bits of the token alone", () => {
      const shape = {
        ...{ hidden: 20, experts: 6, residentExperts: 6, expertDim: 13, sharedDim: 9 },
        router: { ...plainRule, topK: 2, normalizeTopK: true },
        ...{ dtype, epsilon: 1e-5, routing: "router" as const, seed: 8 },
      };
      sameAlone(machine, moeLayerCase({ ...shape, tokens: 7 }), moeLayerCase({ ...shape, tokens: 1 }), {
        input: { name: "x", width: shape.hidden },
        output: { name: "y", width: shape.hidden },
        rows: range(7),
      });
    });
  });

  describe.each(kvDtypes)("attention core over %s", (kvDtype) => {
    const dtype = kvFormats[kvDtype].dtype;
    const grouped = { queryHeads: 14, kvHeads: 2, headDim: 24, dtype, kvDtype, seed: 9 };
    const latent = { queryHeads: 7, kvHeads: 1, headDim: 24, ropeHeadDim: 8, dtype, kvDtype, seed: 9 };
    const lengths = [1300, 0, 9, 520];

    it.each([
      ["grouped", grouped],
      ["latent", latent],
    ])("%s: a sequence of a ragged batch has the bits of the sequence alone, in pages or not", (_, shape) => {
      const batch = attentionCoreCase({ ...shape, batch: lengths.length, kvTokens: lengths });
      const paged = attentionCoreCase({ ...shape, batch: lengths.length, kvTokens: lengths, paging: "permuted" });
      const whole = run(machine, batch);
      expect(bits(run(machine, paged).out)).toBe(bits(whole.out));
      prepare(machine, batch);
      const caches = bytesOf(machine, batch, "kvCache").slice();
      const blocksBefore = (sequence: number): number =>
        lengths.slice(0, sequence).reduce((sum, tokens) => sum + Math.ceil(tokens / 256), 0);
      const blockBytes = caches.byteLength / blocksBefore(lengths.length);
      for (const [sequence, kvTokens] of lengths.entries()) {
        const alone = attentionCoreCase({ ...shape, batch: 1, kvTokens });
        prepare(machine, alone);
        bytesOf(machine, alone, "kvCache").set(
          caches.subarray(blocksBefore(sequence) * blockBytes, blocksBefore(sequence + 1) * blockBytes),
        );
        const part = (values: Float32Array) => {
          const floats = values.length / lengths.length;
          return values.subarray(sequence * floats, (sequence + 1) * floats);
        };
        floatsOf(machine, alone, "q").set(part(whole.q));
        runRanks(machine, alone, 1);
        expect(bits(floatsOf(machine, alone, "attentionOut"))).toBe(bits(part(whole.out)));
      }
    });

    it.each([
      ["grouped", grouped],
      ["latent", latent],
    ])("%s: a head has the bits of the head alone", (_, shape) => {
      const setting = { ...shape, kvHeads: 1, batch: 1, kvTokens: 261 };
      const group = attentionCoreCase(setting);
      const alone = attentionCoreCase({ ...setting, queryHeads: 1 });
      const whole = run(machine, group);
      for (const head of range(setting.queryHeads)) {
        const part = (values: Float32Array) => {
          const floats = values.length / setting.queryHeads;
          return values.subarray(head * floats, (head + 1) * floats);
        };
        prepare(machine, alone);
        floatsOf(machine, alone, "q").set(part(whole.q));
        runRanks(machine, alone, 1);
        expect(bits(floatsOf(machine, alone, "attentionOut"))).toBe(bits(part(whole.out)));
      }
    });

    it.each([
      ["grouped", grouped, 77],
      ["grouped", grouped, 300],
      ["latent", latent, 77],
    ])("%s: tokens outside a window of %3$i leave no trace, be they NaN", (_, shape, tokens) => {
      const [kvTokens, later] = [700, 705];
      const span = { kind: "sliding", tokens } as const;
      const windowed = attentionCoreCase({ ...shape, batch: 1, kvTokens, span });
      const before = run(machine, windowed).out;
      prepare(machine, windowed);
      const dims = resolveCore({ ...shape, batch: 1, kvTokens, span });
      const cache = {
        ...allocateKvCache(createArena(), dims.cache),
        buffer: bufferOf(windowed, "kvCache"),
      };
      const { address } = bufferOf(windowed, "fillScratch");
      new Float32Array(machine.memory.buffer, address, cache.keyDim + cache.valueDim).fill(Number.NaN);
      for (const token of [...range(kvTokens - tokens), ...range(later).slice(kvTokens)])
        for (const kvHead of range(shape.kvHeads))
          machine.call("appendToken", ...appendArguments(cache, 0, kvHead, token, address, address + cache.keyDim * 4));
      runRanks(machine, windowed, 1);
      expect(bits(floatsOf(machine, windowed, "attentionOut"))).toBe(bits(before));
    });
  });
});

interface RowsToCompare {
  readonly input: { readonly name: string; readonly width: number };
  readonly output: { readonly name: string; readonly width: number };
  readonly rows: readonly number[];
}

/** Runs a case of many rows, then each row by itself in a case of one. */
function sameAlone(machine: Machine, many: KernelCase, one: KernelCase, { input, output, rows }: RowsToCompare): void {
  prepare(machine, many);
  runRanks(machine, many, 1);
  const found = rows.map((row) => ({
    row,
    x: rowOf(machine, many, input.name, input.width, row).slice(),
    y: bits(rowOf(machine, many, output.name, output.width, row)),
  }));
  prepare(machine, one);
  for (const { row, x, y } of found) {
    rowOf(machine, one, input.name, input.width, 0).set(x);
    runRanks(machine, one, 1);
    expect(bits(rowOf(machine, one, output.name, output.width, 0)), `row ${row}`).toBe(y);
  }
}

/** Runs an attention core and gives its queries and outputs. */
function run(machine: Machine, kernelCase: KernelCase): { readonly q: Float32Array; readonly out: Float32Array } {
  prepare(machine, kernelCase);
  runRanks(machine, kernelCase, 1);
  return {
    q: floatsOf(machine, kernelCase, "q").slice(),
    out: floatsOf(machine, kernelCase, "attentionOut").slice(),
  };
}

function bytesOf(machine: Machine, kernelCase: KernelCase, name: string): Uint8Array {
  const { address, bytes } = bufferOf(kernelCase, name);
  return new Uint8Array(machine.memory.buffer, address, bytes);
}

function range(count: number): number[] {
  return Array.from({ length: count }, (_, index) => index);
}
