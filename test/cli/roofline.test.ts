import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeEach, describe, expect, it, vi } from "vitest";
import type { RooflineOutcome, RooflineSettings } from "../../src/runs/roofline.ts";
import { rooflineFixture } from "../report/rooflineFixture.ts";
import { fakeTerminal, run } from "./terminal.ts";

const roofline = vi.hoisted(() => vi.fn<(settings: RooflineSettings) => Promise<RooflineOutcome>>());
vi.mock("../../src/runs/roofline.ts", () => ({ roofline }));

const folder = mkdtempSync(join(tmpdir(), "afdbench-roofline-"));
afterAll(() => rmSync(folder, { recursive: true }));

const done: RooflineOutcome = { document: rooflineFixture, interrupted: false, failed: false };

beforeEach(() => {
  roofline.mockReset();
  roofline.mockImplementation(async ({ onProgress }) => {
    onProgress({ text: "pass 1 over 17 roofs", done: 0, total: 6 });
    return done;
  });
});

/** The settings that a command line leads to. */
async function settingsOf(...args: string[]): Promise<RooflineSettings | undefined> {
  await run(["roofline", ...args]);
  return roofline.mock.lastCall?.[0];
}

describe("roofline settings", () => {
  it("are all roofs, from the cache where they are there, and nothing beside", async () => {
    const settings = await settingsOf();
    expect(settings).toMatchObject({ quick: false, calibration: "cached", hardware: [] });
    for (const key of ["threads", "targets", "kernels", "revectorize"]) expect(settings).not.toHaveProperty(key);
  });

  it("follow the options", async () => {
    const options = ["--threads", "1..4*2", "--target", "simd,relaxed", "--revectorize", "--quick", "--recalibrate"];
    expect(await settingsOf(...options, "--kernels", "run.json", "--hardware", "h800,h20")).toMatchObject({
      threads: [1, 2, 4],
      targets: ["simd", "relaxed"],
      revectorize: true,
      quick: true,
      calibration: "anew",
      kernels: { recordFile: "run.json" },
      hardware: ["h800", "h20"],
    });
    expect(await settingsOf("--model", "qwen3-32b")).toMatchObject({ kernels: { model: { name: "qwen3-32b" } } });
    expect(await settingsOf("--config", "c.json")).toMatchObject({ kernels: { model: { configFile: "c.json" } } });
  });

  it.each([
    [["--target", "debug"], /--target: expected one of simd, relaxed, got "debug"/],
    [["--threads", "0"], /--threads/],
    [["--kernels", "run.json", "--model", "step3"], /--kernels: expected one of these alone/],
    [["--hardware", "nowhere.yaml"], /nowhere\.yaml/],
  ])("refuse %j", async (args, message) => {
    const { exitCode, out, err } = await run(["roofline", ...args]);
    expect({ exitCode, out }).toEqual({ exitCode: 2, out: "" });
    expect(err).toMatch(message);
    expect(roofline).not.toHaveBeenCalled();
  });
});

describe("roofline output", () => {
  it("is tables of roofs, kernels and accelerators; progress goes to stderr", async () => {
    const { exitCode, out, err } = await run(["roofline"]);
    expect({ exitCode, err }).toEqual({ exitCode: 0, err: "[0/6] pass 1 over 17 roofs\n" });
    await expect(out).toMatchFileSnapshot("golden/roofline.txt");
  });

  it("is one shape of rows as CSV, the roofs by default", async () => {
    const lines = (await run(["roofline", "-o", "csv"])).out.trimEnd().split("\n");
    expect(lines).toHaveLength(1 + rooflineFixture.rows.filter(({ row }) => row === "roof").length);
    expect(lines[0]).toContain("flopsPerSecond,bytesPerSecond,spread");
    const kernels = (await run(["roofline", "--json", "--rows", "kernel"])).out;
    expect((JSON.parse(kernels) as { rows: { row: string }[] }).rows.every(({ row }) => row === "kernel")).toBe(true);
  });

  it("draws and saves", async () => {
    const [svg, json] = [join(folder, "roof.svg"), join(folder, "roof.json")];
    const { exitCode } = await run(["roofline", "--quiet", "--svg", svg, "--save", json]);
    expect(exitCode).toBe(0);
    expect(readFileSync(svg, "utf8")).toContain("attention.core");
    expect(JSON.parse(readFileSync(json, "utf8"))).toEqual(rooflineFixture);
  });

  it("ends with 1 where a kernel was off its reference", async () => {
    roofline.mockResolvedValue({ ...done, failed: true });
    expect((await run(["roofline", "--model", "step3"])).exitCode).toBe(1);
  });

  it("prints and saves what was measured after an interrupt, and draws nothing of half the roofs", async () => {
    const terminal = fakeTerminal();
    roofline.mockImplementation(async ({ signal }) => {
      terminal.interrupt();
      expect(signal.aborted).toBe(true);
      return { ...done, interrupted: true };
    });
    const [svg, json] = [join(folder, "half.svg"), join(folder, "half.json")];
    const { exitCode, out, err } = await run(["roofline", "--svg", svg, "--save", json], terminal);
    expect(exitCode).toBe(130);
    expect(out).toContain("roof.multiplyAdd");
    expect(err).toContain("interrupted");
    expect({ drawn: existsSync(svg), saved: existsSync(json) }).toEqual({ drawn: false, saved: true });
  });
});
