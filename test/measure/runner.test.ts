import { afterAll, describe, expect, it } from "vitest";
import { startResidentPool } from "../../src/host/pool.ts";
import { attentionCoreCase } from "../../src/kernels/attentionCore.ts";
import type { KernelCase } from "../../src/kernels/case.ts";
import { readKernelModule } from "../../src/kernels/files.ts";
import { compileKernels, createMemory, instantiateKernels } from "../../src/kernels/load.ts";
import { matmulCase } from "../../src/kernels/matmul.ts";
import { type MoeLayerShape, moeLayerCase } from "../../src/kernels/moe.ts";
import { barrier, call, type Step } from "../../src/kernels/program.ts";
import { startRunner, workerUrl } from "../../src/measure/runner.ts";
import { plainRule } from "../kernels/edgeCases.ts";
import { differing, type Results, results } from "../kernels/machine.ts";

const module = compileKernels(readKernelModule("simd", "plain"));
const pools = new Map([1, 2, 3].map((threads) => [threads, startResidentPool(workerUrl, threads)]));
afterAll(() => Promise.all([...pools.values()].map((pool) => pool.destroy())));

const never = new AbortController().signal;

function poolOf(threads: number) {
  const pool = pools.get(threads);
  if (pool === undefined) throw new Error(`no pool of ${threads}`);
  return pool;
}

function prepared(kernelCase: KernelCase): WebAssembly.Memory {
  const memory = createMemory(kernelCase.totalBytes);
  kernelCase.prepare(instantiateKernels(module, memory), memory);
  return memory;
}

/** Runs a case on so many threads, `calls` times over, and gives what it left and the times of its segments. */
async function runCase(kernelCase: KernelCase, threads: number, calls: number, cores = 2) {
  const memory = prepared(kernelCase);
  const programs = Array.from({ length: threads }, (_, rank) => kernelCase.steps(rank, threads));
  const runner = startRunner(poolOf(threads), module, memory, programs, cores, never);
  try {
    const segmentsNs = await runner.run(calls);
    return { segmentsNs, left: results({ memory }, kernelCase), check: kernelCase.check(memory) };
  } finally {
    await runner.stop();
  }
}

describe("startRunner", () => {
  const layer: MoeLayerShape = {
    ...{ tokens: 9, hidden: 40, experts: 6, router: { ...plainRule, topK: 2 }, residentExperts: 3, expertDim: 24 },
    sharedDim: 16,
    dtype: "int8",
    epsilon: 1e-5,
    routing: "router",
    seed: 2,
  };
  const core = { batch: 1, kvTokens: 300, queryHeads: 8, kvHeads: 1, headDim: 32, dtype: "int8", seed: 3 } as const;
  it.each([
    ["matmul", () => matmulCase({ m: 9, n: 40, k: 70, dtype: "int8", seed: 1 })],
    ["attention core", () => attentionCoreCase(core)],
    ["MoE layer", () => moeLayerCase(layer)],
  ])("gives the same bits on one, two and three threads: %s", async (_, build) => {
    const left: Results[] = [];
    for (const threads of [1, 2, 3]) {
      const run = await runCase(build(), threads, 20);
      expect(run.check).toMatchObject({ ok: true });
      left.push(run.left);
    }
    const [one = new Map(), ...others] = left;
    expect(one.size).toBeGreaterThan(0);
    for (const other of others) expect(differing(one, other)).toEqual([]);
  });

  it("works with more threads than cores, where none may spin", async () => {
    const run = await runCase(matmulCase({ m: 5, n: 16, k: 30, dtype: "f32", seed: 4 }), 3, 3, 1);
    expect(run.check).toMatchObject({ ok: true });
  });

  it("times the segments apart", async () => {
    const { segmentsNs } = await runCase(moeLayerCase(layer), 2, 5);
    expect(segmentsNs[0]).toBeGreaterThan(0);
    expect(segmentsNs[1]).toBeGreaterThan(0);
    expect(segmentsNs.slice(2)).toEqual([0, 0]);
    expect((await runCase(attentionCoreCase(core), 2, 5)).segmentsNs.slice(1)).toEqual([0, 0, 0]);
  });

  it("runs again and again", async () => {
    const kernelCase = matmulCase({ m: 3, n: 8, k: 16, dtype: "f32", seed: 5 });
    const memory = prepared(kernelCase);
    const programs = [0, 1].map((rank) => kernelCase.steps(rank, 2));
    const runner = startRunner(poolOf(2), module, memory, programs, 2, never);
    for (let job = 0; job < 50; job++) expect((await runner.run(1 + (job % 3)))[0]).toBeGreaterThan(0);
    await runner.stop();
    expect(kernelCase.check(memory)).toMatchObject({ ok: true });
  });

  const beyond = 2 ** 31;
  it.each<[string, Step, RegExp]>([
    ["an export that is not there", call("noSuchKernel"), /no export noSuchKernel/],
    ["an address beyond the memory", call("clearBytes", beyond, 64), /out of bounds/],
  ])("rejects %s, on one thread of two, and the pool stays usable", async (_, bad, message) => {
    const memory = createMemory(2 ** 17);
    const good = call("clearBytes", 65536, 64);
    for (const threads of [1, 2]) {
      const programs = [[good, bad, barrier, good], ...(threads === 2 ? [[good, barrier, good]] : [])];
      const runner = startRunner(poolOf(threads), module, memory, programs, 2, never);
      await expect(runner.run(1)).rejects.toThrow(message);
      await expect(runner.stop()).resolves.toBeUndefined();
      const run = await runCase(matmulCase({ m: 2, n: 16, k: 8, dtype: "f32", seed: 6 }), threads, 2);
      expect(run.check).toMatchObject({ ok: true });
    }
  });

  it("rejects a call that is under way where the run is aborted, and stops", async () => {
    const controller = new AbortController();
    const memory = createMemory(2 ** 17);
    // Far longer than this test lasts: only the abort ends it.
    const endless = Array.from({ length: 1000 }, () => call("clockCycles", 2 ** 30));
    const runner = startRunner(poolOf(1), module, memory, [endless], 2, controller.signal);
    const running = runner.run(1);
    setTimeout(() => controller.abort(), 50);
    await expect(running).rejects.toThrow(/abort/i);
    await expect(runner.stop()).resolves.toBeUndefined();
    const run = await runCase(matmulCase({ m: 2, n: 16, k: 8, dtype: "f32", seed: 7 }), 1, 1);
    expect(run.check).toMatchObject({ ok: true });
  });

  it("stops without ever having run, and twice", async () => {
    const kernelCase = matmulCase({ m: 1, n: 8, k: 8, dtype: "f32", seed: 8 });
    const programs = [0, 1].map((rank) => kernelCase.steps(rank, 2));
    const runner = startRunner(poolOf(2), module, prepared(kernelCase), programs, 2, never);
    await expect(runner.stop()).resolves.toBeUndefined();
    await expect(runner.stop()).resolves.toBeUndefined();
  });
});
