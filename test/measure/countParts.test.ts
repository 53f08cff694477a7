import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { attentionCoreCase } from "../../src/kernels/attentionCore.ts";
import { attentionLayerCase } from "../../src/kernels/attentionLayer.ts";
import type { KernelCase } from "../../src/kernels/case.ts";
import { readKernelModule } from "../../src/kernels/files.ts";
import { kvDtypes, kvFormats } from "../../src/kernels/kvFormat.ts";
import { compileKernels, createMemory, instantiateKernels } from "../../src/kernels/load.ts";
import { matmulCase } from "../../src/kernels/matmul.ts";
import { moeLayerCase } from "../../src/kernels/moe.ts";
import { runSteps } from "../../src/kernels/program.ts";
import type { Target } from "../../src/kernels/target.ts";
import { lineBytesOf, productFlops, touchedBytes } from "../../src/kernels/work.ts";
import { type CountedPart, countParts, totalCounts } from "../../src/measure/countParts.ts";
import { edgeCases, mfa, plainRule, weightDtypes } from "../kernels/edgeCases.ts";

const lineBytes = 64;

describe.each(["simd", "relaxed"] as const)("counts of target %s, told apart", (target) => {
  it.each(edgeCases().map(({ name, build }) => [name, build] as const))("%s", (name, build) => {
    const kernelCase = build();
    expectCounts(target, kernelCase);
    // Where the router deals the tokens, nobody knows beforehand what each expert gets.
    expect(kernelCase.work === undefined).toBe(/^moeLayer \S+ router /.test(name));
  });
});

describe("counts of any shape, told apart", () => {
  it("matmul", () => {
    const shape = fc.record({
      ...{ m: fc.integer({ min: 1, max: 40 }), n: fc.integer({ min: 1, max: 70 }), k: fc.integer({ min: 1, max: 90 }) },
      dtype: fc.constantFrom(...weightDtypes),
    });
    fc.assert(
      fc.property(shape, (dims) => expectCounts("relaxed", matmulCase({ ...dims, seed: 1 }))),
      { numRuns: 40, seed: 7 },
    );
  });

  it("attention core", () => {
    const shape = fc.record({
      ...{ batch: fc.integer({ min: 1, max: 3 }), kvTokens: fc.integer({ min: 1, max: 700 }) },
      ...{ kvHeads: fc.integer({ min: 1, max: 2 }), groupHeads: fc.integer({ min: 1, max: 9 }) },
      ...{ headDim: fc.integer({ min: 1, max: 40 }), ropeHeadDim: fc.constantFrom(undefined, 8, 5) },
      ...{ kvDtype: fc.constantFrom(...kvDtypes), window: fc.option(fc.integer({ min: 1, max: 400 })) },
    });
    fc.assert(
      fc.property(shape, ({ kvHeads, groupHeads, ropeHeadDim, window, kvDtype, ...rest }) => {
        const { dtype } = kvFormats[kvDtype];
        const heads = ropeHeadDim === undefined ? kvHeads : 1;
        const kernelCase = attentionCoreCase({
          ...{ ...rest, kvHeads: heads, queryHeads: heads * groupHeads, kvDtype, dtype, seed: 2 },
          ...(ropeHeadDim === undefined ? {} : { ropeHeadDim }),
          ...(window === null ? {} : { span: { kind: "sliding", tokens: window } }),
        });
        expectCounts("relaxed", kernelCase);
      }),
      { numRuns: 40, seed: 8 },
    );
  });
});

describe("terms", () => {
  it("of an attention layer: projections, core, and what is in no formula", () => {
    const kernelCase = attentionLayerCase({
      ...{ batch: 3, kvTokens: 17, hidden: 40, attention: mfa(4, 16, 24), epsilon: 1e-5 },
      ...{ weightDtype: "f32", kvDtype: "f32", seed: 1 },
    });
    const parts = countsOf("relaxed", kernelCase).parts;
    expect(flopsOf(parts, "attention.projections")).toBe(2 * 3 * (40 * (24 + 32) + 24 * 64 + 64 * 40));
    expect(flopsOf(parts, "attention.core")).toBe(2 * 3 * 4 * 16 * (24 + 17));
    expect(flopsOf(parts, "attention.rest")).toBe(0);
    const kernels = parts.filter(({ term }) => term === "attention.rest").map(({ kernel }) => kernel);
    expect(kernels).toEqual(expect.arrayContaining(["rmsNormRows", "ropeRows", "appendToken", "addRows"]));
  });

  it("of an MoE layer: each counts in its own, resident experts as often as there are experts", () => {
    const [tokens, hidden, expertDim] = [8, 16, 24];
    const { parts } = countsOf(
      "relaxed",
      moeLayerCase({
        ...{ tokens, hidden, experts: 4, router: plainRule, residentExperts: 1, expertDim, sharedDim: expertDim },
        ...{ dtype: "f32", epsilon: 1e-5, routing: "balanced", seed: 1 },
      }),
    );
    const expert = 3 * 2 * hidden * expertDim;
    // The router's 4 columns fill a panel of 8; 2 of the 8 tokens go to the expert that is here.
    expect(flopsOf(parts, "moe.router")).toBe(tokens * 2 * hidden * 8);
    expect(flopsOf(parts, "moe.experts")).toBe(4 * 2 * expert);
    expect(flopsOf(parts, "moe.shared")).toBe(tokens * expert);
    const combine = parts.filter(({ term }) => term === "moe.combine");
    expect(combine.map(({ kernel }) => kernel)).toEqual(["combineRows"]);
  });
});

/**
 * Holds counts by range against a slow reference, the traced module with a call before each access, and counts of FLOPs and lines
 * against what the case says of itself.
 */
function expectCounts(target: Target, kernelCase: KernelCase): void {
  const { parts, reference } = countsOf(target, kernelCase);
  const total = totalCounts(parts);
  const bytesOf = (direction: "loadBytes" | "storeBytes", index: number): number =>
    parts.reduce((sum, { buffers }) => sum + (buffers[index]?.[direction] ?? 0), 0);
  const ownData = (direction: "loadBytes" | "storeBytes"): number =>
    parts.reduce((sum, part) => sum + part.ownData[direction], 0);
  const names = kernelCase.buffers.map(({ name }) => name);
  const byBuffer = names.map((name, index) => [name, bytesOf("loadBytes", index), bytesOf("storeBytes", index)]);
  // A composed case runs its segments once and counts them as often as they weigh.
  if (kernelCase.segmentWeights.every((weight) => weight === 1)) expect(byBuffer).toEqual(reference.byBuffer);
  const sum = (direction: "loadBytes" | "storeBytes", column: 1 | 2): number =>
    byBuffer.reduce((bytes, row) => bytes + (row[column] as number), ownData(direction));
  expect(sum("loadBytes", 1)).toBeCloseTo(total.loadBytes, 3);
  expect(sum("storeBytes", 2)).toBeCloseTo(total.storeBytes, 3);

  const work = kernelCase.work;
  if (work === undefined) return;
  for (const term of new Set(parts.map((part) => part.term))) {
    const tiled = work.products
      .filter((product) => product.term === term)
      .reduce((flops, product) => flops + productFlops(product).tiled, 0);
    expect([term, flopsOf(parts, term)]).toEqual([term, expect.closeTo(tiled, 3)]);
  }
  for (const tensor of work.tensors) {
    const buffer = kernelCase.buffers.find(({ name }) => name === tensor.buffer);
    expect(buffer?.kind).toBe(tensor.kind);
    expect(touchedBytes(tensor)).toBeGreaterThanOrEqual(tensor.times * (tensor.valueBytes + tensor.besideBytes));
    const lines = lineBytesOf({ ...tensor, times: 1 }, lineBytes);
    expect([tensor.buffer, reference.lineBytes.get(tensor.buffer) ?? 0]).toEqual([tensor.buffer, lines]);
  }
  const declared = new Set(work.tensors.map(({ buffer }) => buffer));
  const stored = kernelCase.buffers.filter(({ kind }) => kind === "kv" || kind === "weights");
  expect(stored.map(({ name }) => name).filter((name) => !declared.has(name))).toEqual([]);
}

function countsOf(target: Target, kernelCase: KernelCase) {
  const memory = createMemory(kernelCase.totalBytes);
  const plain = instantiateKernels(compileKernels(readKernelModule(target, "plain")), memory);
  kernelCase.prepare(plain, memory);
  const parts = countParts(target, kernelCase, memory);
  expect(kernelCase.check(memory)).toMatchObject({ ok: true });
  return { parts, reference: traceByBuffer(target, kernelCase, memory) };
}

/** Every single access of a run, sorted to its buffer by its address. */
function traceByBuffer(target: Target, kernelCase: KernelCase, memory: WebAssembly.Memory) {
  const { buffers } = kernelCase;
  const bytes = buffers.map(() => [0, 0] as [number, number]);
  const lines = buffers.map(() => new Set<number>());
  const owner = new Int16Array(Math.ceil(memory.buffer.byteLength / lineBytes)).fill(-1);
  for (const [index, { address, bytes: size }] of buffers.entries())
    owner.fill(index, address / lineBytes, Math.ceil((address + size + 1) / lineBytes));
  const traced = compileKernels(readKernelModule(target, "traced"));
  const exports = instantiateKernels(traced, memory, (address, accessed, isStore) => {
    const index = owner[Math.floor((address >>> 0) / lineBytes)] as number;
    if (index < 0 || accessed === 0) return;
    (bytes[index] as [number, number])[isStore === 1 ? 1 : 0] += accessed;
    const first = Math.floor((address >>> 0) / lineBytes);
    const last = Math.floor(((address >>> 0) + accessed - 1) / lineBytes);
    for (let line = first; line <= last; line++) (lines[index] as Set<number>).add(line);
  });
  runSteps(exports, kernelCase.steps(0, 1));
  return {
    byBuffer: buffers.map(({ name }, index) => [name, ...(bytes[index] as [number, number])]),
    lineBytes: new Map(buffers.map(({ name }, index) => [name, (lines[index] as Set<number>).size * lineBytes])),
  };
}

function flopsOf(parts: readonly CountedPart[], term: string): number {
  return parts
    .filter((part) => part.term === term)
    .reduce((sum, { counts }) => sum + counts.matrixFlops + counts.matrixInt8Ops, 0);
}
