import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import type { RoofRow } from "../../src/record/rooflineRows.ts";
import { checkDocument, type RooflineDocument } from "../../src/record/schemas.ts";
import { recordEnvironment } from "../../src/runs/environment.ts";
import { hostRoofs } from "../../src/runs/hostRoofs.ts";
import { kernelsHere } from "../../src/runs/kernelsHere.ts";
import { type RooflineSettings, roofline } from "../../src/runs/roofline.ts";
import { InvalidInputError } from "../../src/units/errors.ts";
import { fixture } from "../report/fixture.ts";

let folder = "";
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "afdbench-roofline-"));
  vi.stubEnv("XDG_CACHE_HOME", join(folder, "cache"));
});
afterAll(() => {
  vi.unstubAllEnvs();
  rmSync(folder, { recursive: true });
});

function settingsOf(changed: Partial<RooflineSettings>): RooflineSettings {
  return {
    threads: [1],
    targets: ["simd"],
    quick: true,
    calibration: "cached",
    hardware: [],
    signal: new AbortController().signal,
    onProgress: () => {},
    ...changed,
  };
}

function roofsOf({ rows }: RooflineDocument): RoofRow[] {
  return rows.filter((row) => row.row === "roof");
}

const NAMES = ["f32 1", "int8 1", "L1 1", "L2 1", "DRAM 1"];

/** `f32 1`, `L1 1` …; whether there is an L3 depends on the host. */
function namesOf(document: RooflineDocument): string[] {
  return roofsOf(document)
    .map(({ dtype, level, threads }) => `${dtype ?? level} ${threads}`)
    .filter((name) => !name.startsWith("L3"));
}

describe("roofline", () => {
  it("measures a roof for each dtype and level on each number of threads; the record fits its schema", async () => {
    const progress: string[] = [];
    const onProgress = ({ text, done, total }: { text: string; done: number; total: number }) => {
      expect(done).toBeLessThan(total);
      progress.push(text);
    };
    const { document, interrupted, failed } = await roofline(settingsOf({ threads: [2, 1, 2], onProgress }));
    expect({ interrupted, failed }).toEqual({ interrupted: false, failed: false });
    expect(checkDocument(JSON.parse(JSON.stringify(document)))).toEqual(document);
    const [one, two] = [NAMES, NAMES.map((name) => name.replace("1", "2"))].map((names) => names.slice(0, 2));
    expect(namesOf(document).slice(0, 4)).toEqual([...(one ?? []), ...(two ?? [])]);
    expect(progress[0]).toMatch(/^pass 1 over \d+ roofs$/);
    for (const row of roofsOf(document)) {
      expect(row.flopsPerSecond ?? row.bytesPerSecond).toBeGreaterThan(0);
      expect(row.passes).toBeGreaterThanOrEqual(3);
      expect(row.spread).toBeLessThan(1);
      expect(row.cached).toBe(false);
      if (row.status !== "ok") expect(row.statusReason).toMatch(/disturbed|engine/);
      if (row.status === "ok") expect(row.spread).toBeLessThanOrEqual(0.1);
    }
  });

  // The cache stands where XDG_CACHE_HOME says on Linux alone.
  it.runIf(process.platform === "linux")("keeps roofs that stand, and measures anew what does not", async () => {
    const cacheFolder = join(folder, "cache", "afdbench");
    const first = await roofline(settingsOf({ quick: false }));
    const steady = roofsOf(first.document).filter(({ status }) => status !== "unstable");
    expect(steady.length, "no roof stands: is the machine overloaded?").toBeGreaterThan(0);
    const second = await roofline(settingsOf({ quick: false }));
    const kept = roofsOf(second.document).filter(({ cached }) => cached);
    expect(kept).toEqual(steady.map((row) => ({ ...row, cached: true })));
    expect(second.document.notes.join(" ")).toContain(`From the cache: ${kept.length} of`);

    const anew = await roofline(settingsOf({ calibration: "anew" }));
    expect(roofsOf(anew.document).every(({ cached }) => !cached)).toBe(true);

    const [name = ""] = readdirSync(cacheFolder);
    writeFileSync(join(cacheFolder, name), readFileSync(join(cacheFolder, name), "utf8").slice(0, 100));
    const spoiled = await roofline(settingsOf({}));
    expect(roofsOf(spoiled.document).every(({ cached }) => !cached)).toBe(true);
    expect(spoiled.document.notes.join(" ")).toMatch(/are damaged: measured anew/);
  });

  it("keeps what it has where it is interrupted", async () => {
    const stop = new AbortController();
    const onProgress = ({ text }: { text: string }) => {
      if (text.startsWith("pass 2")) stop.abort();
    };
    const settings = settingsOf({ calibration: "anew", onProgress, signal: stop.signal, hardware: ["h800"] });
    const { document, interrupted } = await roofline(settings);
    expect(interrupted).toBe(true);
    expect(namesOf(document)).toEqual(NAMES);
    for (const { passes, status } of roofsOf(document))
      expect({ passes, status }).toEqual({ passes: 1, status: "unstable" });
    expect(checkDocument(JSON.parse(JSON.stringify(document)))).toEqual(document);
  });

  it("leaves out what memory has no room for, and says so", async () => {
    const build = await kernelsHere("simd");
    const here = recordEnvironment("simd");
    const environment = { ...here, availableMemoryBytes: 2 * here.l2Bytes };
    const host = { builds: [build], environment, vectorBits: 128 } as const;
    const { rows, notes } = await hostRoofs(settingsOf({ calibration: "anew" }), host);
    expect(rows.map(({ dtype, level }) => dtype ?? level)).toEqual(["f32", "int8", "L1", "L2"]);
    expect(notes.join(" ")).toMatch(/DRAM, 1 thread was not measured: it needs/);
  });

  it.each([
    [3, [1, 2, 3]],
    [8, [1, 2, 3, 4, 5, 6, 7, 8]],
    [12, [1, 2, 4, 8, 12]],
    [16, [1, 2, 4, 8, 16]],
  ])("of %i cores uses %j threads", async (cpuCores, counts) => {
    const build = await kernelsHere("simd");
    const environment = { ...recordEnvironment("simd"), cpuCores, l3Bytes: undefined };
    const stop = new AbortController();
    const seen: string[] = [];
    const onProgress = ({ text }: { text: string }) => {
      seen.push(text);
      stop.abort();
    };
    const { threads: _, ...settings } = settingsOf({ calibration: "anew", onProgress, signal: stop.signal });
    await hostRoofs(settings, { builds: [build], environment, vectorBits: 128 });
    // The clock; f32 and int8, L1, L2 and DRAM for each number of threads.
    expect(seen).toEqual([`pass 1 over ${1 + 5 * counts.length} roofs`]);
  });

  it("sets a record's kernels under the roofs, and accelerators beside", async () => {
    const rows = fixture.rows.map((row) =>
      row.row === "kernel" && row.kernel === "moe.layer"
        ? { ...row, status: "unstable" as const, statusReason: "the machine was disturbed" }
        : row,
    );
    const record = { ...fixture, rows, environment: recordEnvironment("relaxed") };
    const { document } = await roofline(settingsOf({ kernels: { record }, hardware: ["h800", "a800"] }));
    const kernels = document.rows.filter((row) => row.row === "kernel");
    expect(kernels.map(({ kernel, measuredFlopsPerByte }) => [kernel, measuredFlopsPerByte])).toEqual([
      ["attention.core", 126.03],
      ["moe.layer", 31.9],
    ]);
    // The record is of the relaxed target, these roofs are of simd: no share of another target's peak.
    for (const row of kernels) expect(row).not.toHaveProperty("roofFraction");
    expect(document.notes.join(" ")).toMatch(/1 of the record's 3 kernels have no rate .*: 1 failedCheck\./);
    expect(document.notes.join(" ")).toMatch(/moe\.layer int8 [^.]*: unstable: the machine was disturbed\./);
    expect(document.notes.join(" ")).toContain("2 of 2 kernels have no share of a roof");
    const accelerators = document.rows.filter((row) => row.row === "accelerator");
    expect(accelerators.map(({ accelerator, dtype, precision }) => [accelerator, dtype, precision])).toEqual([
      ["h800", "f32", "bf16"],
      ["h800", "int8", "fp8"],
      ["a800", "f32", "bf16"],
      ["a800", "int8", "bf16"],
    ]);
  });

  it("runs a model's kernels where it is given one, on one thread", async () => {
    const configFile = join(folder, "tiny.json");
    const dense = {
      model_type: "llama",
      hidden_size: 64,
      intermediate_size: 96,
      num_hidden_layers: 1,
      vocab_size: 256,
    };
    const heads = { num_attention_heads: 8, num_key_value_heads: 2, rms_norm_eps: 1e-5, max_position_embeddings: 8192 };
    writeFileSync(configFile, JSON.stringify({ ...dense, ...heads }));
    const { document, failed } = await roofline(settingsOf({ kernels: { model: { configFile } } }));
    expect(failed).toBe(false);
    const kernels = document.rows.filter((row) => row.row === "kernel");
    expect(kernels.map(({ kernel, dtype, threads }) => [kernel, dtype, threads])).toEqual([
      ["attention.core", "f32", 1],
      ["attention.core", "int8", 1],
      ["attention.layer", "f32", 1],
      ["attention.layer", "int8", 1],
    ]);
    for (const { measuredFlopsPerByte, modeledFlopsPerByte, target } of kernels) {
      expect(target).toBe("simd");
      expect(measuredFlopsPerByte).toBeLessThanOrEqual(modeledFlopsPerByte ?? 0);
    }
    expect(document.notes.join(" ")).toMatch(/5 of the record's 9 kernels .*: 5 unsupported/);
  });

  it("refuses another host's record before anything is measured", async () => {
    const onProgress = vi.fn();
    const run = roofline(settingsOf({ kernels: { record: fixture }, calibration: "anew", onProgress }));
    await expect(run).rejects.toThrow(InvalidInputError);
    await expect(run).rejects.toThrow(/environment\.cpuModel: expected a record of this host, .* got "Example CPU"/);
    expect(onProgress).not.toHaveBeenCalled();
  });

  it("refuses an unknown model before anything is measured", async () => {
    const onProgress = vi.fn();
    const kernels = { model: { name: "step4" } };
    await expect(roofline(settingsOf({ kernels, calibration: "anew", onProgress }))).rejects.toThrow(
      /did you mean "step3"/,
    );
    expect(onProgress).not.toHaveBeenCalled();
  });
});
