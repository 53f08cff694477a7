import { describe, expect, it } from "vitest";
import { type ResidentPool, startResidentPool } from "../../src/host/pool.ts";
import { readKernelModule } from "../../src/kernels/files.ts";
import { compileKernels, createMemory, createPrivateMemory, instantiateKernels } from "../../src/kernels/load.ts";
import { runSteps } from "../../src/kernels/program.ts";
import { type clockLoop, float32Forms, int8Forms, readLoop } from "../../src/kernels/roofs.ts";
import { targets } from "../../src/kernels/target.ts";
import { dotsOf } from "../../src/measure/calibration.ts";
import { readCounts, resetCounts } from "../../src/measure/counts.ts";
import { SPREAD_LIMIT } from "../../src/measure/judgeRoofs.ts";
import { ARENA_CHUNK_SHIFT, rangeMemoryBytes } from "../../src/measure/rangeCounts.ts";
import { measurePasses } from "../../src/measure/roofPasses.ts";
import { planReads, type RoofPlan } from "../../src/measure/roofPlan.ts";
import { type BandwidthRoof, type HostRoofs, levelOf, measureRoofs } from "../../src/measure/roofs.ts";
import { workerUrl } from "../../src/measure/runner.ts";

const never = new AbortController().signal;
/** Small, so that the largest working set stays small too. */
const sizes = { l1Bytes: 2 ** 14, l2Bytes: 2 ** 17, l3Bytes: 2 ** 19 };

describe.each(targets)("calibration loops of target %s", (target) => {
  const counted = compileKernels(readKernelModule(target, "counted"));

  /** Counts of one call of one loop. */
  function countsOf(loop: ReturnType<typeof clockLoop>) {
    const memory = createMemory(loop.totalBytes);
    const chunks = loop.totalBytes / 2 ** ARENA_CHUNK_SHIFT + 65536;
    const exports = instantiateKernels(counted, memory, undefined, createPrivateMemory(rangeMemoryBytes(chunks)));
    loop.prepare(exports);
    resetCounts(exports);
    runSteps(exports, loop.steps(0));
    return readCounts(exports);
  }

  it.each(float32Forms(1).map((loop) => [loop.form, loop] as const))("multiply-add %s executes its work", (_, loop) => {
    expect(countsOf(loop)).toMatchObject({ matrixFlops: loop.work, matrixInt8Ops: 0, elementwiseFlops: 0 });
  });

  it.each(int8Forms(1, ["fused"]).map((loop) => [loop.form, loop] as const))(
    "int8 dot %s executes its work",
    (_, loop) => {
      expect(countsOf(loop)).toMatchObject({ matrixInt8Ops: loop.work, matrixFlops: 0 });
    },
  );

  it.each(int8Forms(1, ["inPairs"]).map((loop) => [loop.form, loop] as const))("int8 dot %s does more", (_, loop) => {
    // Sixteen products, eight sums of pairs, eight products with one, four sums of these, four more: 40 where 32 are the work.
    const { matrixInt8Ops } = countsOf(loop);
    expect(matrixInt8Ops / loop.work).toBe(target === "relaxed" ? 40 / 32 : 1);
  });

  it("reads load their work, once over the whole working set each time", () => {
    for (const bytes of [128, 5000, 2 ** 20]) {
      const loop = readLoop(bytes, 1);
      expect(countsOf(loop).loadBytes).toBe(loop.work);
      expect(loop.work).toBeGreaterThanOrEqual(2 ** 26 - bytes);
    }
  });

  it("has at least four forms of each, with work and memory for every thread", () => {
    for (const forms of [float32Forms(2), int8Forms(2, dotsOf("relaxed"))]) {
      expect(forms.length).toBeGreaterThanOrEqual(4);
      expect(new Set(forms.map(({ form }) => form)).size).toBe(forms.length);
      for (const loop of forms) expect(loop.steps(0)).not.toEqual(loop.steps(1));
    }
  });
});

describe("measureRoofs", () => {
  const module = compileKernels(readKernelModule("simd", "plain"));

  it("measures every roof and level on one thread", async () => {
    await onPool(1, async (pool) => {
      const run = { pool, cores: 2, vectorBits: 128 as const, signal: never };
      const roofs = await measureRoofs(run, { target: "simd", module }, sizes, { least: 3, most: 4, passNs: 1e7 });
      expect(roofs.bandwidth.map(({ level }) => level)).toEqual(["L1", "L2", "L3", "DRAM"]);
      for (const roof of [roofs.float32, roofs.int8, ...roofs.bandwidth]) {
        expect(roof.passes === 3 || roof.passes === 4).toBe(true);
        expect(roof.samplesNs.length).toBeGreaterThanOrEqual(7);
        expect(roof.perSecond).toBeCloseTo((roof.workPerCall / Math.min(...roof.samplesNs)) * 1e9, 0);
        expect(roof.unstable === undefined ? (roof.spread ?? 1) <= SPREAD_LIMIT : roof.unstable.length > 0).toBe(true);
      }
      // The baseline target has multiply and add apart: 8 FLOP a cycle.
      expect(roofs.suspect).toBe(roofs.float32.perSecond < 0.85 * roofs.clockHz * 8);
    });
  });

  it("gives what was passed over where it is interrupted, as unstable", async () => {
    await onPool(2, async (pool) => {
      const stop = new AbortController();
      const build = { target: "simd" as const, module };
      const plans = [planReads({ ...build, threads: 2 }, sizes), planReads({ ...build, threads: 1 }, sizes)].flat();
      const run = { pool, cores: 2, vectorBits: 128 as const, signal: stop.signal };
      const began: string[] = [];
      const onRoof = ({ threads, level }: RoofPlan, pass: number) => {
        began.push(`${threads} ${level} ${pass}`);
        if (began.length === 4) stop.abort();
      };
      const roofs = await measurePasses({ ...run, onRoof }, plans, { least: 3, most: 9, passNs: 1e7 });
      expect(began).toEqual(["2 L1 1", "2 L2 1", "2 L3 1", "2 DRAM 1"]);
      expect(roofs.map(({ plan }) => plan.level)).toEqual(["L1", "L2", "L3"]);
      for (const { passes, spread, unstable } of roofs) {
        expect({ passes, spread }).toEqual({ passes: 1, spread: undefined });
        expect(unstable).toMatch(/fewer than 3 passes/);
      }
    });
  });
});

async function onPool(threads: number, body: (pool: ResidentPool) => Promise<void>): Promise<void> {
  const pool = startResidentPool(workerUrl, threads);
  try {
    await body(pool);
  } finally {
    await pool.destroy();
  }
}

describe("levelOf", () => {
  const module = compileKernels(readKernelModule("simd", "plain"));
  const plans = planReads({ target: "simd", module, threads: 1 }, sizes);
  const passed = { form: "", perSecond: 1, samplesNs: [1], workPerCall: 1, passes: 3, workingSetBytes: 1 };
  const roof: BandwidthRoof = { ...passed, plan: plans[0] as RoofPlan, level: "L1" };
  const bandwidth = plans.map(({ level }): BandwidthRoof => ({ ...roof, level: level ?? "L1" }));
  const roofs: HostRoofs = { threads: 1, clockHz: 1, float32: roof, int8: roof, bandwidth, suspect: false };

  it.each([
    [1, "L1"],
    [2 ** 14, "L1"],
    [2 ** 14 + 1, "L2"],
    [2 ** 17 + 1, "L3"],
    [2 ** 19 + 1, "DRAM"],
  ])("%i bytes are fed by %s", (bytes, level) => {
    expect(levelOf(roofs, sizes, bytes).level).toBe(level);
  });

  it("falls to the last level there is, where a host has no L3", () => {
    const without = { ...roofs, bandwidth: bandwidth.filter(({ level }) => level !== "L3") };
    expect(levelOf(without, { ...sizes, l3Bytes: 0 }, 2 ** 18).level).toBe("DRAM");
  });
});
