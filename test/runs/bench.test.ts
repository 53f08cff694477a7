import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { BenchRow, KernelRow } from "../../src/record/benchRows.ts";
import { checkDocument } from "../../src/record/schemas.ts";
import { bench } from "../../src/runs/bench.ts";
import type { BenchSettings } from "../../src/runs/settings.ts";
import { InfeasibleError, InvalidInputError } from "../../src/units/errors.ts";

/** Step-3's format at a size that every row of a bench takes milliseconds at. */
const tinyConfig = {
  model_type: "step3_text",
  hidden_size: 64,
  intermediate_size: 128,
  num_hidden_layers: 2,
  max_seq_len: 4096,
  max_position_embedding: 4096,
  vocab_size: 256,
  rms_norm_eps: 1e-5,
  num_attention_heads: 8,
  num_attention_groups: 1,
  head_dim: 32,
  share_q_dim: 64,
  rope_theta: 500_000,
  rope_scaling: null,
  moe_layers_enum: "1",
  moe_num_experts: 6,
  moe_top_k: 2,
  moe_intermediate_size: 48,
  share_expert_dim: 40,
  norm_expert_weight: false,
};

/** A row that was checked and timed, on a machine that may be disturbed. */
const timed = /^(ok|roofSuspect|unstable)$/;

let folder = "";
let configFile = "";
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "afdbench-runs-"));
  configFile = join(folder, "tiny.json");
  writeFileSync(configFile, JSON.stringify(tinyConfig));
});
afterAll(() => rmSync(folder, { recursive: true }));

function settingsOf(changed: Partial<BenchSettings>): BenchSettings {
  return {
    kernels: ["attention.core", "attention.layer", "moe.router", "moe.expertMatmul", "moe.layer", "linear.gemm"],
    batches: [2],
    contexts: [256],
    dtypes: ["f32", "int8"],
    tokensPerExpert: [3],
    threads: [1],
    target: "simd",
    hardware: ["h800", "h20"],
    seed: 1,
    quick: true,
    repetitions: 3,
    warmups: 0,
    signal: new AbortController().signal,
    onProgress: () => {},
    ...changed,
  };
}

function kernelRows(rows: readonly BenchRow[]): KernelRow[] {
  return rows.filter((row) => row.row === "kernel");
}

describe("bench", () => {
  it("measures every kernel of a small model: the record fits its schema and is the golden one", async () => {
    const progress: string[] = [];
    const settings = settingsOf({
      ...{ configFile, m: [5], n: [16], k: [24] },
      onProgress: ({ text, done, total }) => progress.push(`${done} of ${total}: ${text}`),
    });
    const { document, interrupted, failed } = await bench(settings);
    expect({ interrupted, failed }).toEqual({ interrupted: false, failed: false });
    // As it is written to a file, and read again.
    expect(checkDocument(JSON.parse(JSON.stringify(document)))).toEqual(document);
    expect(document.environment.target).toBe("simd");

    const rows = kernelRows(document.rows);
    const measured = rows.filter(({ kernel }) => !kernel.startsWith("roof."));
    expect(progress).toHaveLength(measured.length + 1);
    for (const row of measured) {
      expect(row.status, `${row.kernel} ${row.dtype}: ${row.statusReason}`).toMatch(timed);
      expect(row.samplesNs).toHaveLength(3);
      expect(row.maxErrorFraction).toBeLessThanOrEqual(1);
      expect(row.flopsPerSecond).toBeCloseTo(((row.flops ?? 0) / (row.medianNs ?? 0)) * 1e9, 0);
      const gaps = [
        row.gapScalesFlopsPerByte,
        row.gapPaddingFlopsPerByte,
        row.gapPartialLinesFlopsPerByte,
        row.gapRereadFlopsPerByte,
      ];
      const explained = gaps.reduce<number>((sum, gap) => sum + (gap ?? Number.NaN), 0);
      const modeled = row.modeledFlopsPerByte ?? Number.NaN;
      expect(Math.abs(modeled - explained - (row.measuredFlopsPerByte ?? Number.NaN))).toBeLessThan(1e-3 * modeled);
    }
    const golden = document.rows.map(withoutMachine).map((row) => JSON.stringify(row));
    await expect(`${golden.join("\n")}\n`).toMatchFileSnapshot("golden/bench-tiny.jsonl");
  });

  it("gives messages a rate in bytes, and neither FLOPs nor a projection", async () => {
    const kernels = ["wire.quantizeInt8", "wire.dequantizeFp8", "wire.quantizeBf16"] as const;
    const { document, failed } = await bench(settingsOf({ configFile, kernels }));
    const rows = kernelRows(document.rows).filter(({ kernel }) => kernel.startsWith("wire."));
    expect(failed).toBe(false);
    expect(rows.map(({ kernel, dtype, shape }) => [kernel, dtype, shape])).toEqual([
      ["wire.quantizeInt8", "int8", "batch=2 hidden=64"],
      ["wire.dequantizeFp8", "fp8", "batch=2 hidden=64 block=128"],
      ["wire.quantizeBf16", "bf16", "batch=2 hidden=64"],
    ]);
    const bytes = [2 * (64 * 5 + 4), 2 * (64 * 5 + 4), 2 * 64 * 6];
    for (const [index, row] of rows.entries()) {
      expect(row.status).toMatch(timed);
      expect(row.bytesPerSecond).toBeCloseTo(((bytes[index] ?? 0) / (row.medianNs ?? 0)) * 1e9, 0);
      expect(row).not.toHaveProperty("flopsPerSecond");
      expect(row.maxErrorFraction).toBe(0);
    }
    expect(document.rows.filter(({ row }) => row !== "kernel")).toEqual([]);
    expect(checkDocument(JSON.parse(JSON.stringify(document)))).toEqual(document);
  });

  it("stores weights in four bits where asked: the FLOPs of int8 over half the bytes", async () => {
    const settings = settingsOf({
      ...{ configFile, kernels: ["moe.expertMatmul", "moe.layer", "linear.gemm"], m: [5], n: [16], k: [24] },
      ...{ dtypes: ["int8"], weightDtypes: ["int8", "int4"] },
    });
    const { document, failed } = await bench(settings);
    expect(failed).toBe(false);
    const rows = kernelRows(document.rows).filter(({ kernel }) => !kernel.startsWith("roof."));
    const [int8, int4] = (["int8", "int4"] as const).map((stored) =>
      rows.filter(({ weightDtype }) => weightDtype === stored),
    );
    expect(int4?.map(({ kernel }) => kernel)).toEqual(int8?.map(({ kernel }) => kernel));
    for (const [index, row] of (int4 ?? []).entries()) {
      expect(row.status).toMatch(timed);
      expect(row.shape).toBe(`${int8?.[index]?.shape} weights=int4`);
      expect(row.dtype).toBe("int8");
      expect(row.modeledFlops).toBe(int8?.[index]?.modeledFlops);
      expect(row.modeledFlopsPerByte).toBeGreaterThan(1.5 * (int8?.[index]?.modeledFlopsPerByte ?? Number.NaN));
    }
  });

  it.each(["step3", "deepseek-v3", "qwen3-235b-a22b"])("routes as %s does", async (model) => {
    const settings = settingsOf({ model, kernels: ["moe.router"], tokensPerExpert: [1], repetitions: 1 });
    const { document, failed } = await bench(settings);
    expect(failed).toBe(false);
    const row = kernelRows(document.rows).find(({ kernel }) => kernel === "moe.router");
    expect(row?.status).toMatch(timed);
  });

  it("refuses weights that nothing of the run multiplies", async () => {
    const settings = settingsOf({ configFile, kernels: ["linear.gemm"], dtypes: ["f32"], weightDtypes: ["int4"] });
    await expect(bench(settings)).rejects.toThrow("--weight-dtype: expected dtypes that --dtype f32 multiplies");
  });

  it("computes the same with another number of threads: counts and errors do not move", async () => {
    const settings = settingsOf({
      configFile,
      kernels: ["attention.core", "moe.layer"],
      hardware: ["h20"],
      threads: [1, 2],
    });
    const { document } = await bench(settings);
    const rows = kernelRows(document.rows).filter(({ kernel }) => !kernel.startsWith("roof."));
    const of = (threads: number) =>
      rows
        .filter((row) => row.threads === threads)
        .map((row) => [row.kernel, row.dtype, row.flops, row.maxErrorFraction, row.measuredFlopsPerByte]);
    expect(of(1)).toHaveLength(4);
    expect(of(2)).toEqual(of(1));
  });

  it("gives other values for another seed, at the same counts", async () => {
    const core = { configFile, kernels: ["attention.core"], dtypes: ["f32"], hardware: ["h20"] } as const;
    const row = async (seed: number) =>
      kernelRows((await bench(settingsOf({ ...core, seed }))).document.rows).find(
        ({ kernel }) => kernel === "attention.core",
      );
    const [one, same, other] = [await row(1), await row(1), await row(2)];
    expect(same?.maxErrorFraction).toBe(one?.maxErrorFraction);
    expect(other?.maxErrorFraction).not.toBe(one?.maxErrorFraction);
    expect(other?.flops).toBe(one?.flops);
  });

  it("projects to accelerators without a price, and deploys on the others", async () => {
    const core = { configFile, kernels: ["attention.core"], dtypes: ["int8"] } as const;
    const { document } = await bench(settingsOf({ ...core, hardware: ["l20", "h20"] }));
    const projected = document.rows.flatMap((row) => (row.row === "projection" ? [row.accelerator] : []));
    expect([...new Set(projected)]).toEqual(["l20", "h20"]);
    const deployed = document.rows.filter((row) => row.row === "deployment");
    expect(deployed).toMatchObject([{ attentionOn: "h20", ffnOn: "h20" }]);
    expect(document.notes).toContain("No part of the deployment, having no price: l20.");
    const alone = await bench(settingsOf({ ...core, hardware: ["l20"] }));
    expect(alone.document.rows.some(({ row }) => row === "deployment")).toBe(false);
  });

  it.each([
    ["deepseek-v3", 512],
    ["qwen3-235b-a22b", 32],
  ])("runs %s's core, and states its modeled intensity of %i FLOPs a KV byte", async (model, flopsPerByte) => {
    const settings = settingsOf({ model, kernels: ["attention.core"], batches: [1], contexts: [64], dtypes: ["int8"] });
    const { document, failed } = await bench(settings);
    const row = kernelRows(document.rows).find(({ kernel }) => kernel === "attention.core");
    expect(row?.modeledFlopsPerByte).toBeCloseTo(flopsPerByte, 6);
    expect(row?.status).toMatch(timed);
    expect(failed).toBe(false);
    expect(checkDocument(JSON.parse(JSON.stringify(document)))).toEqual(document);
  });

  it("has no layer of linear attention: its modeled numbers stand alone", async () => {
    const { document, failed } = await bench(
      settingsOf({ model: "minimax-m1", kernels: ["attention.layer"], batches: [1], contexts: [64] }),
    );
    const row = kernelRows(document.rows).find(({ kernel }) => kernel === "attention.layer");
    expect(row?.status).toBe("unsupported");
    expect(row?.statusReason).toContain("lightning linear attention");
    expect(row).not.toHaveProperty("medianNs");
    expect(document.rows.filter((each) => each.row === "projection")).toEqual([]);
    expect(failed).toBe(false);
  });

  it("counts absorbed MLA's second product 512 wide, and reads each byte of the latent once", async () => {
    const settings = { model: "deepseek-v3", kernels: ["attention.core"], batches: [2], contexts: [512] } as const;
    const { document } = await bench(settingsOf({ ...settings, kvDtypes: ["f32", "fp8", "int8", "int4"] }));
    const rows = kernelRows(document.rows).filter(({ kernel }) => kernel === "attention.core");
    const flops = 2 * 512 * 128 * (576 + 512) * 2;
    const bytes = { f32: 576 * 4, fp8: 576, int8: 576 + 8, int4: 576 / 2 + 8 };
    expect(rows.map(({ dtype, kvDtype }) => [dtype, kvDtype])).toEqual([
      ["f32", "f32"],
      ["f32", "fp8"],
      ["int8", "int8"],
      ["int8", "int4"],
    ]);
    for (const row of rows) {
      expect(row.flops).toBe(flops);
      const tokenBytes = bytes[row.kvDtype as keyof typeof bytes];
      expect(row.measuredFlopsPerByte).toBeCloseTo(flops / (2 * 512 * tokenBytes), 6);
      expect(row.shape.includes("kvDtype=")).toBe(row.kvDtype !== row.dtype);
    }
  });

  it.each([
    ["attention.core", { batches: [100_000], contexts: [65_536] }],
    ["attention.layer", { batches: [4096], contexts: [65_536] }],
    ["moe.expertMatmul", { tokensPerExpert: [1_000_000] }],
  ] as const)(
    "refuses %s where it does not fit, before it measures: how much it needs, how much there is",
    async (kernel, changed) => {
      const progress: string[] = [];
      const settings = settingsOf({
        ...{ model: "step3", kernels: [kernel], onProgress: ({ text }) => progress.push(text) },
        ...changed,
      });
      const running = bench(settings);
      await expect(running).rejects.toThrow(InfeasibleError);
      await expect(running).rejects.toThrow(
        new RegExp(`^${kernel.replace(".", "\\.")} f32 at .* needs \\S+ [KMGTP]iB; .* \\S+ [KMG]iB: lower --batch`),
      );
      expect(progress).toEqual([]);
    },
  );

  it("keeps the rows it has where it is aborted", async () => {
    const controller = new AbortController();
    const settings = settingsOf({
      configFile,
      kernels: ["attention.core", "moe.router", "moe.layer"],
      signal: controller.signal,
      onProgress: ({ text }) => {
        if (text.startsWith("moe.layer")) controller.abort();
      },
    });
    const { document, interrupted, failed } = await bench(settings);
    expect({ interrupted, failed }).toEqual({ interrupted: true, failed: false });
    const kernels = kernelRows(document.rows).map(({ kernel }) => kernel);
    expect(kernels).toContain("attention.core");
    expect(kernels).toContain("moe.router");
    expect(kernels).not.toContain("moe.layer");
    expect(document.rows.filter((row) => row.row === "deployment")).toEqual([]);
    expect(checkDocument(JSON.parse(JSON.stringify(document)))).toEqual(document);
  });

  it("resolves with no rows where it is aborted at once", async () => {
    const { document, interrupted } = await bench(settingsOf({ configFile, signal: AbortSignal.abort() }));
    expect(interrupted).toBe(true);
    expect(document.rows).toEqual([]);
  });

  it("refuses names that it does not know", async () => {
    await expect(bench(settingsOf({ model: "step4" }))).rejects.toThrow(/did you mean "step3"/);
    await expect(bench(settingsOf({ model: "step4" }))).rejects.toThrow(InvalidInputError);
    await expect(bench(settingsOf({ configFile, hardware: ["h801"] }))).rejects.toThrow(/did you mean "h800"/);
    await expect(bench(settingsOf({ configFile: join(folder, "none.json") }))).rejects.toThrow(InvalidInputError);
  });
});

/** Keys of a kernel row that differ from machine to machine, from run to run, or with what the compiler makes of a kernel. */
const machineKeys: readonly string[] = [
  ...["medianNs", "madNs", "p99Ns", "samples", "samplesNs", "flopsPerSecond", "bytesPerSecond"],
  ...["roofFlopsPerSecond", "roofFraction", "bound", "level", "maxErrorFraction", "status", "statusReason", "clockHz"],
  ...["elementwiseFlops", "conversions", "countedLoadBytes", "countedStoreBytes"],
];

/** A row without times; a roof keeps its name alone, and every number six digits. */
function withoutMachine(row: BenchRow): Record<string, unknown> {
  if (row.row === "kernel" && row.kernel.startsWith("roof.")) return { row: row.row, kernel: row.kernel };
  const entries = Object.entries(row)
    .filter(([key]) => row.row !== "kernel" || !machineKeys.includes(key))
    .map(([key, value]) => [key, typeof value === "number" ? Number(value.toPrecision(6)) : value]);
  return Object.fromEntries(entries);
}
