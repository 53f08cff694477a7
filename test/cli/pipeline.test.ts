import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, describe, expect, it } from "vitest";
import type { PipelineRow, PipelineRunRow } from "../../src/record/pipelineRows.ts";
import { checkDocument, type PipelineDocument } from "../../src/record/schemas.ts";
import { fakeTerminal, run } from "./terminal.ts";

const folder = mkdtempSync(join(tmpdir(), "afdbench-pipeline-"));
afterAll(() => rmSync(folder, { recursive: true }));

/** Short stages, so that a busy machine only makes the run longer. */
const SHORT = ["--stage", "A=500us,F=500us", "--layers", "2", "--steps", "4", "--warm-up", "1"];
const TINY = ["--context", "16..40", "--steps", "3", "--warm-up", "1"];

async function documentOf(words: readonly string[]): Promise<PipelineDocument> {
  const { exitCode, out } = await run(["pipeline", ...words, "--json", "--quiet"]);
  expect(exitCode).toBe(0);
  return checkDocument(JSON.parse(out)) as PipelineDocument;
}

function runsOf(rows: readonly PipelineRow[]): readonly PipelineRunRow[] {
  return rows.filter((row) => row.row === "run");
}

describe("pipeline, emulated", () => {
  it("decodes the bits of one thread, beside the closed form of the given times", async () => {
    const net = ["--net-stage", "250us", "--net-latency", "50us"];
    const { rows } = await documentOf([...SHORT, ...net, "--attention", "2", "--ffn", "2", "--micro-batches", "1,4"]);
    const [one, four] = runsOf(rows);
    expect(one).toMatchObject({
      status: "ok",
      emulated: true,
      bitEqual: true,
      deployment: "2A2F",
      batch: 8,
      layers: 2,
    });
    // A round trip: 500 + 250 + 50 + 500 + 250 + 50 us a layer; four micro-batches: 4 x 500 us.
    expect(one).toMatchObject({ boundNs: 2 * 1_600_000, bound: "roundTrip" });
    expect(four).toMatchObject({
      boundNs: 2 * 2_000_000,
      bound: "attention",
      microBatchSizes: "8,8,8,8",
      bitEqual: true,
    });
    expect(four?.tokensPerSecond).toBeGreaterThan(0);
  });

  it("has a row for every instance, link and percentile", async () => {
    const { rows } = await documentOf([...SHORT, "--attention", "2", "--ffn", "3", "--message-bytes", "128B"]);
    const instances = rows.filter((row) => row.row === "instance");
    expect(instances.map(({ instance }) => instance)).toEqual(["A0", "A1", "F0", "F1", "F2"]);
    for (const { busyFraction, waitFraction, sendingFraction, idleFraction } of instances)
      expect(busyFraction + waitFraction + sendingFraction + idleFraction).toBeCloseTo(1, 2);
    const links = rows.filter((row) => row.row === "link");
    expect(links).toHaveLength(2 * 2 * 3);
    // 4 sequences of a micro-batch on each attention instance, 3 micro-batches, 2 layers.
    expect(links[0]).toMatchObject({ from: "A0", to: "F0", bytesPerMessage: 4 * 128, bytesPerStep: 4 * 128 * 3 * 2 });
    expect(runsOf(rows)[0]).toMatchObject({
      a2fBytesPerStep: 4 * 128 * 3 * 2 * 6,
      f2aBytesPerStep: 4 * 128 * 3 * 2 * 6,
    });
  });

  it("takes micro-batches of any size, and more instances than sequences", async () => {
    const { rows } = await documentOf([...SHORT, "--micro-batch-sizes", "5,1,2", "--attention", "3"]);
    expect(runsOf(rows)[0]).toMatchObject({ batch: 8, microBatches: 3, microBatchSizes: "5,1,2", bitEqual: true });
  });

  it("ends with the same bits after faults, and counts them", async () => {
    const faults = ["--faults", "exit:A1@2.1.0,throw:F0@1.0.1,duplicate:A0-F1@1,drop:F1-A0@2", "--retransmit", "20ms"];
    const { rows, notes } = await documentOf([...SHORT, "--attention", "2", "--ffn", "2", ...faults]);
    const [row] = runsOf(rows);
    expect(row).toMatchObject({ status: "ok", bitEqual: true, faultsInjected: 4, faultsRecovered: 4, restarts: 2 });
    expect(row?.resends).toBeGreaterThan(0);
    expect(notes.join("\n")).toContain("exit:A1@2.1.0");
  });

  it("goes through a change of instances", async () => {
    const { rows } = await documentOf([...SHORT, "--faults", "add:A@2,add:F@3"]);
    expect(runsOf(rows)[0]).toMatchObject({ bitEqual: true, faultsInjected: 2, deployment: "1A1F" });
    expect(rows.filter((row) => row.row === "instance")).toHaveLength(4);
  });

  it("favours experts by Zipf's law, with the same bits as one thread", async () => {
    const words = ["--scale", "1/64", "--steps", "3", "--batch", "24", "--context", "8", "--ffn", "2"];
    const [even, skewed] = [await documentOf(words), await documentOf([...words, "--zipf", "1.5"])];
    const hottest = ({ rows }: PipelineDocument) => runsOf(rows)[0]?.expertImbalance ?? 0;
    expect(runsOf(skewed.rows)[0]).toMatchObject({ bitEqual: true });
    expect(hottest(even)).toBeGreaterThan(1);
    expect(hottest(skewed)).toBeGreaterThan(2 * hottest(even));
  });

  it.each(["ep", "tp"])("counts the tokens of experts alike on both wires with %s", async (parallel) => {
    const words = ["--scale", "1/64", "--steps", "4", "--batch", "24", "--context", "8", "--zipf", "1", "--ffn", "2"];
    const [shared, plain] = [
      await documentOf([...words, "--ffn-parallel", parallel]),
      await documentOf([...words, "--ffn-parallel", parallel, "--wire", "postmessage"]),
    ].map(({ rows }) => runsOf(rows)[0]);
    expect(shared?.expertImbalance).toBeGreaterThan(4);
    expect(plain?.expertImbalance).toBe(shared?.expertImbalance);
    expect(plain?.ffnImbalance).toBe(shared?.ffnImbalance);
    if (parallel === "tp") expect(shared?.ffnImbalance).toBe(1);
    else expect(shared?.ffnImbalance).toBeGreaterThan(1);
  });

  it("names faults of a rate, the same of the same seed", async () => {
    const words = [...SHORT, "--fault-rate", "0.1", "--seed", "3", "--watchdog", "1s", "--retransmit", "20ms"];
    const [one, other] = [await documentOf(words), await documentOf(words)];
    const faultsOf = ({ notes }: PipelineDocument) => notes.find((note) => note.startsWith("Faults: "));
    expect(faultsOf(one)).toBeDefined();
    expect(faultsOf(one)).toBe(faultsOf(other));
    expect(runsOf(one.rows)[0]).toMatchObject({ status: "ok", bitEqual: true });
  });

  it("says at once that its record has no place, and runs all the same", async () => {
    const { exitCode, out, err } = await run(["pipeline", ...SHORT, "--save", folder, "--json", "--quiet"]);
    expect(exitCode).toBe(3);
    expect(err).toMatch(
      /^afdbench: warning: cannot write .*; the results will still be printed\nafdbench: cannot write/,
    );
    expect((checkDocument(JSON.parse(out)) as PipelineDocument).rows).not.toEqual([]);
  });

  it("says what it could not recover, in a row and with exit code 3", async () => {
    const words = [...SHORT, "--faults", "exit:A0@2", "--retries", "0", "--json", "--quiet"];
    const { exitCode, out, err } = await run(["pipeline", ...words]);
    expect(exitCode).toBe(3);
    expect(err).toMatch(/^afdbench: attention instance 0 could not be recovered within 0 restarts: .*\n$/);
    const [row] = runsOf((checkDocument(JSON.parse(out)) as PipelineDocument).rows);
    expect(row).toMatchObject({ status: "unrecoverable" });
    expect(row?.tpotNs).toBeUndefined();
  });

  it("prints what was measured when it is interrupted", async () => {
    const terminal = fakeTerminal();
    const long = ["--stage", "A=1ms,F=1ms", "--layers", "2", "--steps", "100k", "--warm-up", "1", "--json"];
    const running = run(["pipeline", ...long], terminal);
    await sleep(1500);
    terminal.interrupt();
    const { exitCode, out, err } = await running;
    expect(exitCode).toBe(130);
    expect(err).toMatch(/interrupted/);
    const { rows, notes } = checkDocument(JSON.parse(out)) as PipelineDocument;
    expect(runsOf(rows)[0]).toMatchObject({ status: "interrupted" });
    expect(notes.at(-1)).toMatch(/^Interrupted/);
  });

  it("writes a trace and a timeline", async () => {
    const [trace, svg] = [join(folder, "t.json"), join(folder, "t.svg")];
    await documentOf([...SHORT, "--net-stage", "200us", "--faults", "exit:F0@2", "--trace", trace, "--svg", svg]);
    const { traceEvents } = JSON.parse(readFileSync(trace, "utf8")) as {
      traceEvents: { ph: string; cat?: string; dur?: number; id?: string }[];
    };
    const computing = traceEvents.filter(({ ph, cat }) => ph === "X" && cat === "compute");
    // Every stage of every micro-batch: 4 steps, 2 layers, 3 micro-batches, on both sides.
    expect(computing).toHaveLength(4 * 2 * 3 * 2);
    expect(traceEvents.some(({ cat }) => cat === "sending")).toBe(true);
    expect(traceEvents.some(({ cat }) => cat === "outage")).toBe(true);
    expect(traceEvents.every(({ ph, dur }) => ph !== "X" || (dur ?? -1) >= 0)).toBe(true);
    expect(readFileSync(svg, "utf8")).toMatch(/micro-batch 2/);
    expect(readdirSync(folder).toSorted()).toEqual(["t.json", "t.svg"]);
  });
});

describe("pipeline, kernels", () => {
  it.each([
    [["--attention", "2", "--ffn", "2", "--micro-batches", "2"], { a2fFormat: "fp8", f2aFormat: "bf16" }],
    [
      ["--ffn", "2", "--ffn-parallel", "tp", "--messages", "A2F=f32,F2A=f32"],
      { ffnParallel: "tp", a2fFormat: "f32", ffnImbalance: 1 },
    ],
    [["--wire", "postmessage", "--attention", "2"], { wire: "postmessage" }],
  ])("decodes the bits of one thread with %j", async (words, keys) => {
    const { rows, notes } = await documentOf([...TINY, ...words]);
    const [row] = runsOf(rows);
    expect(row).toMatchObject({ status: "ok", emulated: false, bitEqual: true, model: "step3 at 1/32", ...keys });
    expect(row?.boundNs).toBeGreaterThan(0);
    expect(row?.expertImbalance).toBeGreaterThan(1);
    expect(notes.join("\n")).toMatch(/step3 at 1\/32: hidden 224, layers .*top 3 of 48 experts 160 wide/);
  });

  it("leaves the comparison out where that is asked for", async () => {
    const { rows } = await documentOf([...TINY, "--no-check"]);
    const [row] = runsOf(rows);
    expect(row).toMatchObject({ status: "ok" });
    expect(row?.bitEqual).toBeUndefined();
    expect(row?.contextTokens).toBeGreaterThanOrEqual(16);
    expect(row?.contextTokens).toBeLessThanOrEqual(40);
  });
});

describe("pipeline refuses", () => {
  it.each([
    [["--ffn", "5"], 2, /--ffn: expected a divisor of the 48 experts, got 5/],
    [
      [...SHORT, "--batch", "2", "--micro-batches", "3"],
      2,
      /--micro-batches: expected at most a micro-batch for each of 2/,
    ],
    [["--stage", "A=2,F=2ms"], 2, /--stage A: expected a duration above 0 with its unit/],
    [["--stage", "A=2ms"], 2, /--stage: expected times of a layer's attention and FFN/],
    [[...SHORT, "--net", "400"], 2, /--net: expected a rate above 0 with its unit/],
    [[...SHORT, "--net", "1Gbps", "--net-stage", "1ms"], 2, /--net: expected one of the two/],
    [[...SHORT, "--faults", "exit:A3@1"], 2, /--faults: expected an attention instance of step 1 \(A0\), not A3/],
    [[...SHORT, "--faults", "exitt:A0@1"], 2, /did you mean "exit"/],
    [[...SHORT, "--fault-rate", "2"], 2, /--fault-rate: expected a number from 0 to 1/],
    [[...SHORT, "--warm-up", "4"], 2, /--warm-up: expected fewer than the 4 steps in all/],
    [[...SHORT, "--model", "step3"], 2, /--model: expected nothing beside --stage/],
    [
      [...SHORT, "--micro-batch-sizes", "3,2", "--batch", "5"],
      2,
      /--batch: expected nothing beside --micro-batch-sizes/,
    ],
    [[...SHORT, "--micro-batches", "1,2", "--trace", "t.json"], 2, /--trace: expected one number of instances/],
    [["--layers", "3"], 2, /--layers: expected --stage beside it/],
    [["--scale", "tinny"], 2, /--scale: expected tiny .*did you mean "tiny"/],
    [["--context", "512..64"], 2, /--context: expected cached tokens/],
    [["--messages", "A2F=fp9"], 2, /--messages A2F: expected one of f32, bf16, fp8, int8.*did you mean/],
    [["--wire", "postmessage", "--net-stage", "1ms"], 2, /--net-stage: expected --wire shared beside it/],
    [["--model", "stepp3"], 2, /did you mean "step3"/],
    [["--zipf", "-1"], 2, /--zipf: expected a number from 0 to 10/],
    [["--zipf", "1", "--stage", "A=1ms,F=1ms"], 2, /--zipf: expected nothing beside --stage/],
    [["--model", "minimax-m1"], 3, /lightning linear attention/],
    [[...SHORT, "--message-bytes", "8GB", "--attention", "32", "--ffn", "32"], 3, /need .* free: take fewer instances/],
  ])("%j", async (words, code, message) => {
    const { exitCode, out, err } = await run(["pipeline", ...words]);
    expect({ exitCode, out }).toEqual({ exitCode: code, out: "" });
    expect(err).toMatch(message);
  });
});
