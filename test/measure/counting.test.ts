import { describe, expect, it } from "vitest";
import { readCaches } from "../../src/host/caches.ts";
import { attentionCoreCase } from "../../src/kernels/attentionCore.ts";
import type { AttentionCoreShape } from "../../src/kernels/attentionShape.ts";
import type { KernelCase } from "../../src/kernels/case.ts";
import { readKernelModule } from "../../src/kernels/files.ts";
import { compileKernels, createMemory, instantiateKernels } from "../../src/kernels/load.ts";
import { matmulCase } from "../../src/kernels/matmul.ts";
import { expertMatmulCase, moeLayerCase } from "../../src/kernels/moe.ts";
import { call, type Step } from "../../src/kernels/program.ts";
import { type Target, targets } from "../../src/kernels/target.ts";
import { type CacheGeometry, cacheGeometry } from "../../src/measure/cacheModel.ts";
import { countCase, traceCase } from "../../src/measure/counting.ts";
import { intensityFields } from "../../src/runs/benchRow.ts";
import { plainRule } from "../kernels/edgeCases.ts";

/** 1 MiB, 8 ways. */
const l2 = cacheGeometry(2 ** 20, 8, 64);
/** Step-3's attention: 64 query heads on one KV head of 256. */
const mfa = { batch: 1, queryHeads: 64, kvHeads: 1, headDim: 256, seed: 51 } as const;

describe.each(targets)("counts of target %s", (target) => {
  it.each([
    { m: 1, n: 8, k: 1 },
    { m: 7, n: 24, k: 33 },
    { m: 20, n: 16, k: 1030 },
  ])("matmul f32 m=$m n=$n k=$k executes 2 m n k FLOPs and no others", (shape) => {
    const counts = count(target, matmulCase({ ...shape, dtype: "f32", seed: 1 }));
    expect(counts).toMatchObject({
      matrixFlops: 2 * shape.m * shape.n * shape.k,
      matrixInt8Ops: 0,
      elementwiseFlops: 0,
      conversions: 0,
    });
  });

  it("pads columns to 8: n = 9 counts as 16", () => {
    const counts = count(target, matmulCase({ m: 3, n: 9, k: 5, dtype: "f32", seed: 1 }));
    expect(counts.matrixFlops).toBe(2 * 3 * 16 * 5);
  });

  it.each([
    { m: 1, n: 8, k: 4 },
    { m: 7, n: 24, k: 36 },
    { m: 20, n: 16, k: 2052 },
  ])("matmul int8 m=$m n=$n k=$k executes 2 m n k operations; scaling stands apart", (shape) => {
    const counts = count(target, matmulCase({ ...shape, dtype: "int8", seed: 1 }));
    expect(counts).toMatchObject({ matrixFlops: 0, matrixInt8Ops: 2 * shape.m * shape.n * shape.k });
    expect(counts.elementwiseFlops).toBeGreaterThan(0);
    // Every sum becomes a float once; activations become whole numbers by an addition.
    expect(counts.conversions).toBeGreaterThanOrEqual(shape.m * shape.n);
  });

  it.each([
    { m: 1, n: 8, k: 4 },
    { m: 1, n: 40, k: 36 },
    { m: 3, n: 16, k: 28 },
    { m: 7, n: 24, k: 1028 },
  ])("matmul int4 m=$m n=$n k=$k executes the operations of int8, over half the bytes", (shape) => {
    const kernelCase = matmulCase({ ...shape, dtype: "int4", seed: 1 });
    const counts = count(target, kernelCase);
    expect(counts).toMatchObject({ matrixFlops: 0, matrixInt8Ops: 2 * shape.m * shape.n * shape.k });
    const weight = kernelCase.buffers.find(({ name }) => name === "weight");
    expect(weight?.bytes).toBe((shape.n * shape.k) / 2 + 8 * shape.n);
  });

  it("pads k of int8 to 4: k = 5 counts as 8", () => {
    const counts = count(target, matmulCase({ m: 3, n: 8, k: 5, dtype: "int8", seed: 1 }));
    expect(counts.matrixInt8Ops).toBe(2 * 3 * 8 * 8);
  });

  it.each([
    [1, 8, 1],
    [8, 8, 8],
    [255, 256, 255],
    [256, 256, 256],
    [257, 264, 257],
  ])("attention core f32 over %i tokens: scores for %i of them, V for %i", (kvTokens, scored, weighed) => {
    const counts = count(target, attentionCoreCase({ ...mfa, queryHeads: 6, headDim: 16, kvTokens, dtype: "f32" }));
    expect(counts.matrixFlops).toBe(2 * 6 * 16 * (scored + weighed));
    expect(counts.matrixInt8Ops).toBe(0);
    // Softmax: at least a subtraction, a multiply-add chain and a sum for each score.
    expect(counts.elementwiseFlops).toBeGreaterThan(6 * scored * 10);
  });

  it.each([
    [1, 8, 4],
    [256, 256, 256],
    [258, 264, 260],
  ])("attention core int8 over %i tokens: scores for %i of them, V for %i", (kvTokens, scored, weighed) => {
    const counts = count(target, attentionCoreCase({ ...mfa, queryHeads: 6, headDim: 16, kvTokens, dtype: "int8" }));
    expect(counts).toMatchObject({ matrixInt8Ops: 2 * 6 * 16 * (scored + weighed), matrixFlops: 0 });
  });

  it("experts execute three products each, and the layer counts its resident experts as often as there are experts", () => {
    const [tokens, hidden, expertDim] = [4, 16, 24];
    const expert = 3 * 2 * hidden * expertDim;
    const alone = count(
      target,
      expertMatmulCase({ count: 3, tokensPerExpert: tokens, hidden, expertDim, dtype: "f32", seed: 1 }),
    );
    expect(alone.matrixFlops).toBe(3 * tokens * expert);
    // 8 tokens, each to one of 4 experts in turn: 2 tokens an expert, of which one expert is here.
    const layer = count(
      target,
      moeLayerCase({
        ...{ tokens: 8, hidden, experts: 4, router: plainRule, residentExperts: 1, expertDim },
        ...{ sharedDim: expertDim, dtype: "f32", epsilon: 1e-5, routing: "balanced", seed: 1 },
      }),
    );
    // The router's 4 columns fill a panel of 8.
    expect(layer.matrixFlops).toBe(8 * 2 * hidden * 8 + 4 * 2 * expert + 8 * expert);
  });
});

describe.each(targets)("traffic of target %s", (target) => {
  it.each([
    ["f32", 2 * 256 * 4],
    ["int8", 2 * 256 + 8],
  ] as const)("attention core %s brings each byte of its cache once, %i bytes a token", (dtype, tokenBytes) => {
    const kernelCase = attentionCoreCase({ ...mfa, kvTokens: 512, dtype });
    const traffic = traceCase(target, { kernelCase, scaleOf: () => 1 }, l2);
    expect(traffic).toMatchObject({ missedBytes: 512 * tokenBytes, distinctBytes: 512 * tokenBytes });
  });

  it("scales each buffer's bytes as the plan says", () => {
    const kernelCase = attentionCoreCase({ ...mfa, kvTokens: 256, dtype: "int8" });
    const traffic = traceCase(target, { kernelCase, scaleOf: (name) => (name === "kvCache" ? 10 : 1) }, l2);
    expect(traffic.missedBytes).toBe(10 * 256 * 520);
  });

  it("a matmul brings each weight once a block of rows", () => {
    const shape = { m: 4, n: 64, k: 256, dtype: "f32", seed: 1 } as const;
    expect(trace(target, matmulCase(shape), l2).missedBytes).toBe(64 * 256 * 4);
  });

  it("MFA with an 8-bit cache measures 126.0 FLOPs a byte of the 128 modeled, and the steps between add up", () => {
    const kvTokens = 1024;
    const kernelCase = attentionCoreCase({ ...mfa, kvTokens, dtype: "int8" });
    const flops = 4 * 64 * 256 * kvTokens;
    const fields = intensity(target, kernelCase, hostL2(), {
      flops,
      valueBytes: 512 * kvTokens,
      storedBytes: 520 * kvTokens,
    });
    expect(fields.modeled).toBe(128);
    expect(Math.abs(fields.measured / 126.03 - 1)).toBeLessThan(0.01);
    expectGapsToAddUp(fields);
    expect(fields.gaps.gapScalesFlopsPerByte).toBeCloseTo(128 - (128 * 512) / 520, 9);
    expect(fields.gaps.gapRereadFlopsPerByte).toBe(0);
  });

  it("shows padding of a context that is no multiple of 8 as a step of its own", () => {
    const kvTokens = 1025;
    const kernelCase = attentionCoreCase({ ...mfa, kvTokens, dtype: "int8" });
    const fields = intensity(target, kernelCase, l2, {
      flops: 4 * 64 * 256 * kvTokens,
      valueBytes: 512 * kvTokens,
      storedBytes: 520 * kvTokens,
    });
    // Scores of 7 tokens and V of 3 too many: more FLOPs a byte, so intensity gains by it.
    const executed = 2 * 64 * 256 * (kvTokens + 7 + kvTokens + 3);
    expect(fields.gaps.gapPaddingFlopsPerByte).toBeCloseTo((4 * 64 * 256 * kvTokens - executed) / (520 * kvTokens), 9);
    expectGapsToAddUp(fields);
  });

  it("a core that reads the cache anew for every 8 heads, in an L2 too small for it, measures an eighth", () => {
    const kvTokens = 512;
    const small = cacheGeometry(2 ** 16, 8, 64);
    const modeled = { flops: 4 * 64 * 256 * kvTokens, valueBytes: 512 * kvTokens, storedBytes: 520 * kvTokens };
    const kernelCase = attentionCoreCase({ ...mfa, kvTokens, dtype: "int8" });
    const whole = intensity(target, kernelCase, l2, modeled);
    const split = intensity(target, rereadingCore({ ...mfa, kvTokens, dtype: "int8" }), small, modeled);
    expect(whole.measured / split.measured).toBeCloseTo(8, 1);
    expectGapsToAddUp(split);
    expect(split.gaps.gapRereadFlopsPerByte).toBeGreaterThan(100);
  });
});

/** What this machine really has: the number must hold here too. */
function hostL2(): CacheGeometry {
  const { sizeBytes, ways, lineBytes } = readCaches().l2;
  return cacheGeometry(sizeBytes, ways, lineBytes);
}

/** The attention core with calls of their own for every 8 heads, each of which go through the whole cache. */
function rereadingCore(shape: AttentionCoreShape): KernelCase {
  const whole = attentionCoreCase(shape);
  const headsAt = 11;
  const split = ([queries, part, ...rest]: readonly Step[]): Step[] => {
    if (queries?.kind !== "call" || part?.kind !== "call") throw new Error("expected queries, then a part");
    const [q = 0, qStride = 0, ...others] = queries.args;
    const [out = 0, outStride = 0, state = 0] = part.args;
    const groups = Array.from({ length: (part.args[headsAt] as number) / 8 }, (_, group) => [
      call(queries.name, q + group * 8 * qStride, qStride, ...others.with(1, 8)),
      call(
        part.name,
        ...part.args
          .with(0, out + group * 8 * outStride)
          .with(2, state + group * 64)
          .with(headsAt, 8),
      ),
    ]);
    return [...groups.flat(), ...rest];
  };
  return { ...whole, steps: (rank, ranks) => split(whole.steps(rank, ranks)) };
}

function count(target: Target, kernelCase: KernelCase) {
  const memory = createMemory(kernelCase.totalBytes);
  kernelCase.prepare(instantiateKernels(compileKernels(readKernelModule(target, "plain")), memory), memory);
  const counts = countCase(target, kernelCase, memory);
  // The instrumented module computes what the plain one does.
  expect(kernelCase.check(memory)).toMatchObject({ ok: true });
  return counts;
}

function trace(target: Target, kernelCase: KernelCase, geometry: CacheGeometry) {
  return traceCase(target, { kernelCase, scaleOf: () => 1 }, geometry);
}

function intensity(
  target: Target,
  kernelCase: KernelCase,
  geometry: CacheGeometry,
  modeled: Parameters<typeof intensityFields>[2],
) {
  const fields = intensityFields(count(target, kernelCase), trace(target, kernelCase, geometry), modeled);
  const {
    measuredFlopsPerByte: measured = Number.NaN,
    gapScalesFlopsPerByte = Number.NaN,
    gapPaddingFlopsPerByte = Number.NaN,
    gapPartialLinesFlopsPerByte = Number.NaN,
    gapRereadFlopsPerByte = Number.NaN,
  } = fields;
  const gaps = { gapScalesFlopsPerByte, gapPaddingFlopsPerByte, gapPartialLinesFlopsPerByte, gapRereadFlopsPerByte };
  return { modeled: modeled.flops / modeled.valueBytes, measured, gaps, residual: fields.gapResidualFlopsPerByte };
}

/** The named steps lead from the modeled to the measured intensity, within 0.1% of it. */
function expectGapsToAddUp({ modeled, measured, gaps, residual }: ReturnType<typeof intensity>): void {
  const sum = Object.values(gaps).reduce((total, gap) => total + gap, 0);
  expect(Math.abs(modeled - sum - measured)).toBeLessThan(0.001 * modeled);
  expect(Math.abs(residual ?? Number.NaN)).toBeLessThan(0.001 * modeled);
}
