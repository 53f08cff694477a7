import { describe, expect, it } from "vitest";
import { attentionCoreCase } from "../../src/kernels/attentionCore.ts";
import { matmulCase } from "../../src/kernels/matmul.ts";
import { acceleratorLevels, hostLevels } from "../../src/measure/cacheLevels.ts";
import { traceLevels } from "../../src/measure/levelTraffic.ts";

const host = hostLevels({
  l1d: { sizeBytes: 32 * 1024, ways: 8, lineBytes: 64 },
  l2: { sizeBytes: 1024 ** 2, ways: 8, lineBytes: 64 },
  l3: { sizeBytes: 32 * 1024 ** 2, ways: 16, lineBytes: 64 },
  detected: false,
});

const [m, n, k] = [16, 256, 1024];
const matmul = matmulCase({ m, n, k, dtype: "f32", seed: 1 });
const bytesOf = (name: string) => matmul.buffers.find((buffer) => buffer.name === name)?.bytes ?? Number.NaN;

describe("traffic of a kernel by level", () => {
  it("names what serves, from the first cache to memory", () => {
    const { levels, counts } = traceLevels("simd", matmul, host);
    expect(levels.map(({ level }) => level)).toEqual(["L1", "L2", "L3", "DRAM"]);
    expect(levels[0]).toMatchObject({ loadBytes: counts.loadBytes, storeBytes: counts.storeBytes });
    expect(counts.matrixFlops).toBe(2 * m * n * k);
    for (const { kinds, loadBytes, storeBytes } of levels) {
      const all = Object.values(kinds);
      expect(all.reduce((sum, kind) => sum + kind.loadBytes, 0)).toBe(loadBytes);
      expect(all.reduce((sum, kind) => sum + kind.storeBytes, 0)).toBe(storeBytes);
    }
  });

  it("brings weights and inputs from memory once and writes results there once", () => {
    const { levels, touchedBytes } = traceLevels("simd", matmul, host);
    const memory = levels.at(-1)?.kinds;
    expect(memory?.weights).toEqual({ loadBytes: bytesOf("weight"), storeBytes: 0 });
    expect(memory?.kv).toEqual({ loadBytes: 0, storeBytes: 0 });
    // x and y, and x packed; a store fetches its line first.
    const activations = touchedBytes.activations + touchedBytes.scratch;
    expect((memory?.activations.loadBytes ?? 0) + (memory?.scratch.loadBytes ?? 0)).toBe(activations);
    expect(touchedBytes.weights).toBe(bytesOf("weight"));
  });

  it("goes over the packed rows once for every run of panels, out of the caches that hold them", () => {
    const { levels } = traceLevels("simd", matmul, host);
    const [, l2, l3] = levels;
    // 64 KiB of packed rows do not stay in an L1 of 32 KiB, but in an L2 of 1 MiB beside the weights' stream.
    expect(l2?.loadBytes).toBeGreaterThan(2 * (l3?.loadBytes ?? 0));
  });

  it("leaves out what an accelerator has not got: its L2 alone, or no cache at all", () => {
    const core = attentionCoreCase({
      batch: 2,
      kvTokens: 512,
      queryHeads: 8,
      kvHeads: 2,
      headDim: 64,
      dtype: "f32",
      seed: 1,
    });
    const { levels, touchedBytes } = traceLevels("simd", core, acceleratorLevels(50 * 2 ** 20));
    expect(levels.map(({ level }) => level)).toEqual(["L2", "DRAM"]);
    expect(levels[1]?.kinds.kv.loadBytes).toBe(2 * 512 * 2 * 2 * 64 * 4);
    const without = traceLevels("simd", core, []);
    expect(without.levels.map(({ level }) => level)).toEqual(["core"]);
    expect(without.touchedBytes.kv).toBe(touchedBytes.kv);
  });
});
