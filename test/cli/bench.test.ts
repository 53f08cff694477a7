import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeEach, describe, expect, it, vi } from "vitest";
import type { BenchOutcome, BenchSettings } from "../../src/runs/settings.ts";
import { fixture } from "../report/fixture.ts";
import { fakeTerminal, run } from "./terminal.ts";

const bench = vi.hoisted(() => vi.fn<(settings: BenchSettings) => Promise<BenchOutcome>>());
vi.mock("../../src/runs/bench.ts", () => ({ bench }));

const folder = mkdtempSync(join(tmpdir(), "afdbench-cli-"));
afterAll(() => rmSync(folder, { recursive: true }));

const done: BenchOutcome = { document: fixture, interrupted: false, failed: false };

beforeEach(() => {
  bench.mockReset();
  bench.mockImplementation(async ({ onProgress }) => {
    onProgress({ text: "attention.core int8", done: 0, total: 12 });
    onProgress({ text: "moe.layer int8", done: 1, total: 12 });
    return done;
  });
});

/** The settings that a command line leads to. */
async function settingsOf(...args: string[]): Promise<BenchSettings | undefined> {
  await run(["bench", ...args]);
  return bench.mock.lastCall?.[0];
}

describe("bench settings", () => {
  it("are Step-3's by default", async () => {
    expect(await settingsOf()).toMatchObject({
      kernels: ["attention.core", "attention.layer", "moe.router", "moe.expertMatmul", "moe.layer", "roof.*"],
      model: "step3",
      batches: [16],
      contexts: [8192],
      dtypes: ["f32", "int8"],
      tokensPerExpert: [16],
      threads: [1],
      hardware: ["h800", "h20", "a800", "910b"],
      seed: 1,
      quick: false,
    });
    expect(Object.keys(bench.mock.lastCall?.[0] ?? {})).not.toContain("target");
  });

  it("follow the options", async () => {
    const settings = await settingsOf(
      ...[
        "moe.*",
        "linear.gemm",
        "--config",
        "c.json",
        "--context",
        "8k,32k",
        "--batch",
        "64..256*2",
        "--m",
        "1..16+5",
      ],
      ...[
        "--dtype",
        "int8",
        "--hardware",
        "H20,h20",
        "--target",
        "simd",
        "--revectorize",
        "--min-time",
        "50ms",
        "-r",
        "20",
        "-w",
        "0",
      ],
      ...["--threads", "1,2", "--seed", "0", "--quick"],
    );
    expect(settings).toMatchObject({
      kernels: ["moe.router", "moe.expertMatmul", "moe.layer", "linear.gemm"],
      configFile: "c.json",
      batches: [64, 128, 256],
      contexts: [8192, 32768],
      m: [1, 6, 11, 16],
      dtypes: ["int8"],
      hardware: ["h20"],
      target: "simd",
      revectorize: true,
      minTimeNs: 50e6,
      repetitions: 20,
      warmups: 0,
      threads: [1, 2],
      seed: 0,
      quick: true,
    });
    expect(settings).not.toHaveProperty("model");
  });

  it("--list runs nothing", async () => {
    const { out } = await run(["bench", "moe.*", "--list"]);
    expect(out.split("\n").map((line) => line.split(" ")[0])).toEqual([
      "moe.router",
      "moe.expertMatmul",
      "moe.layer",
      "",
    ]);
    expect(bench).not.toHaveBeenCalled();
  });
});

describe("bench output", () => {
  it("is a table on stdout; progress goes to stderr, a line for each event", async () => {
    const { exitCode, out, err } = await run(["bench"]);
    expect(exitCode).toBe(0);
    expect(out).toContain("Kernels of step3 on this machine");
    expect(err).toBe("[ 0/12] attention.core int8\n[ 1/12] moe.layer int8\n");
  });

  it("keeps quiet where asked, and draws one line on a terminal", async () => {
    expect((await run(["bench", "--quiet"])).err).toBe("");
    const { err } = await run(["bench"], fakeTerminal({ errIsTerminal: true }));
    expect(err).not.toContain("\n");
    expect(err.endsWith("\r\x1b[2K")).toBe(true);
  });

  it("has colours on a terminal alone, and none with NO_COLOR or --no-color", async () => {
    const ansi = "\x1b[";
    expect((await run(["bench"], fakeTerminal({ outIsTerminal: true }))).out).toContain(ansi);
    expect((await run(["bench"])).out).not.toContain(ansi);
    expect((await run(["bench"], fakeTerminal({ outIsTerminal: true, noColor: true }))).out).not.toContain(ansi);
    expect((await run(["bench", "--no-color"], fakeTerminal({ outIsTerminal: true }))).out).not.toContain(ansi);
  });
});

describe("bench exit codes", () => {
  it("1 where a kernel is off its reference", async () => {
    bench.mockResolvedValue({ ...done, failed: true });
    expect((await run(["bench"])).exitCode).toBe(1);
  });

  it("130 after an interrupt, what was measured printed and saved; the second ends at once", async () => {
    const terminal = fakeTerminal();
    bench.mockImplementation(async ({ signal }) => {
      terminal.interrupt();
      expect(signal.aborted).toBe(true);
      expect(terminal.outcome.exitCode).toBe(0);
      terminal.interrupt();
      expect(terminal.outcome.exitCode).toBe(130);
      return { ...done, interrupted: true, failed: true };
    });
    const { exitCode, out, err } = await run(["bench", "--save", join(folder, "run.json")], terminal);
    expect(exitCode).toBe(130);
    expect(out).toContain("attention.core");
    expect(err).toContain("interrupted");
    expect(readdirSync(folder)).toEqual(["run.json"]);
  });

  it("3 where the record cannot be written, which is said at the start too", async () => {
    const { exitCode, out, err } = await run(["bench", "--quiet", "--save", "/no/such/folder/run.json"]);
    const reason = 'cannot write "/no/such/folder/run.json": its folder does not exist';
    expect(exitCode).toBe(3);
    expect(out).toContain("attention.core");
    expect(err).toBe(`afdbench: warning: ${reason}; the results will still be printed\nafdbench: ${reason}\n`);
  });

  it("1 and one line on an error nobody foresaw; its stack only where AFDBENCH_DEBUG asks", async () => {
    bench.mockRejectedValue(new Error("out of\nluck"));
    expect(await run(["bench"])).toEqual({ exitCode: 1, out: "", err: "afdbench: internal error: out of luck\n" });
    expect((await run(["bench"], fakeTerminal({ debug: true }))).err).toContain("bench.test.ts");
  });
});
