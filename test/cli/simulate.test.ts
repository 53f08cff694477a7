import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { checkDocument, type PlanDocument, type SimulateDocument } from "../../src/record/schemas.ts";
import { emulatedTpotNs } from "../../src/simulate/emulatedTpot.ts";
import { EFFICIENCY } from "../../src/theory/efficiency.ts";
import { run } from "./terminal.ts";

const folder = mkdtempSync(join(tmpdir(), "afdbench-simulate-"));
afterAll(() => rmSync(folder, { recursive: true }));
/** Of `bench attention.layer moe.layer --batch 4,16 --context 1k --tokens-per-expert 1,4`, without its samples. */
const RECORD = ["--from", "test/runs/benchRecord.json", "--context", "1k", "--steps", "2"];
const GIVEN = ["--stage", "A=200us,F=210us,A2F=90us,F2A=170us", "--steps", "4"];

async function rowsOf(words: readonly string[]): Promise<SimulateDocument["rows"]> {
  const { exitCode, out, err } = await run(["simulate", ...words, "--json", "--quiet"]);
  expect({ exitCode, err }).toEqual({ exitCode: 0, err: "" });
  return (checkDocument(JSON.parse(out)) as SimulateDocument).rows;
}

describe("simulate", () => {
  it.each([
    ["modeled", ["--deploy", "2A2F,3A2F", "--steps", "4"]],
    ["given", GIVEN],
    ["sweep", ["--deploy", "2A2F,3A2F", "--batch", "1536..12288*2", "--context", "4k,8k", "--steps", "2", "--quiet"]],
    ["measured", [...RECORD, "--deploy", "16A1F", "--batch", "192", "--net", "10GB/s"]],
    ["requests", [...GIVEN, "--rate", "500", "--burst", "8", "--decode", "16", "--requests", "200"]],
  ])("prints what the golden file of %s stages says", async (name, words) => {
    const { exitCode, out, err } = await run(["simulate", ...words]);
    expect({ exitCode, err }).toEqual({ exitCode: 0, err: "" });
    await expect(out).toMatchFileSnapshot(`golden/simulate-${name}.txt`);
  });

  it("reaches the closed form without jitter, and less with it", async () => {
    const [plain] = await rowsOf(GIVEN);
    expect(plain?.boundFraction).toBeCloseTo(1, 3);
    const [jittered] = await rowsOf([...GIVEN, "--jitter", "lognormal=0.2"]);
    expect(jittered?.boundFraction).toBeLessThan(0.98);
    expect(jittered?.tpotP99Ns).toBeGreaterThan(jittered?.tpotP50Ns ?? 0);
  });

  it("takes stage times from the model and the accelerators, as plan's Table 8 does, where none are given", async () => {
    const [at4k] = await rowsOf(["--context", "4k", "--steps", "4"]);
    expect(Math.abs((at4k?.tokensPerSecondPerCard ?? 0) / 4039 - 1)).toBeLessThan(0.05);
    const [at16k] = await rowsOf(["--context", "16k", "--batch", "2112", "--steps", "4"]);
    expect(at16k?.bound).toBe("attention");
    const [narrow] = await rowsOf(["--net", "40GB/s", "--steps", "4"]);
    expect(narrow?.bound).toBe("network");
    const [slow] = await rowsOf(["--set", "efficiency.ffnOverheadNs=400000", "--steps", "4"]);
    expect(slow?.tpotNs).toBeGreaterThan(1.5 * (at4k?.tpotNs ?? 0));
  });

  it("takes stage times from a record's rows, as they are, between two of them, and in proportion", async () => {
    const words = [...RECORD, "--net", "10GB/s", "--micro-batches", "1", "--layers", "2"];
    const attentionNs = async (deploy: string, batch: string) => {
      const [row] = await rowsOf([...words, "--deploy", deploy, "--batch", batch]);
      if (row === undefined) throw new Error("no row");
      // One micro-batch: busy for its share of a step of two layers.
      return { stageNs: (row.attentionUtilization * row.tpotNs) / 2, stageTimes: row.stageTimes };
    };
    const [four, sixteen] = [18_069_912, 73_560_160];
    const asItIs = await attentionNs("16A1F", "64");
    expect(asItIs.stageTimes).toBe("measured");
    expect(asItIs.stageNs).toBeCloseTo(four, -1);
    const between = await attentionNs("4A1F", "40");
    expect(between.stageTimes).toBe("measuredScaled");
    expect(between.stageNs).toBeCloseTo((four + sixteen) / 2, -1);
    expect((await attentionNs("1A1F", "32")).stageNs).toBeCloseTo(2 * sixteen, -1);
    expect((await attentionNs("16A1F", "16")).stageNs).toBeCloseTo(four / 4, -1);
    const [one, two] = await Promise.all(
      ["16A1F", "16A2F"].map(async (deploy) => (await rowsOf([...words, "--deploy", deploy, "--batch", "64"]))[0]),
    );
    const ffnNs = (row: typeof one) => (row?.ffnUtilization ?? 0) * (row?.tpotNs ?? 0);
    expect(ffnNs(two) / ffnNs(one)).toBeCloseTo(0.5, 6);
    expect(two?.stageTimes).toBe("measuredScaled");
  });

  it("takes them from its projections to accelerators, which have prices and networks", async () => {
    const words = [...RECORD, "--from-rows", "projected", "--cards", "1", "--deploy", "16A1F", "--batch", "192"];
    const [row] = await rowsOf(words);
    expect(row).toMatchObject({ attentionOn: "h800", ffnOn: "h800", stageTimes: "projected" });
    expect(row?.boundNs).toBeCloseTo(3 * 61 * 1_616_236.36, -4);
    expect(row?.usdPerMillionTokens).toBeGreaterThan(0);
  });

  it("writes a trace and a timeline, and nothing beside them", async () => {
    const [trace, svg] = [join(folder, "t.json"), join(folder, "t.svg")];
    const { exitCode } = await run(["simulate", ...GIVEN, "--trace", trace, "--svg", svg, "--layers", "6"]);
    expect(exitCode).toBe(0);
    const { traceEvents } = JSON.parse(readFileSync(trace, "utf8")) as {
      traceEvents: { ph: string; dur?: number; id?: string }[];
    };
    const slices = traceEvents.filter(({ ph }) => ph === "X");
    // Two steps, six layers, three micro-batches: compute on 2 + 2 instances, four ends of messages.
    expect(slices.length).toBeGreaterThanOrEqual(2 * 6 * 3 * 4);
    expect(slices.every(({ dur }) => (dur ?? -1) >= 0)).toBe(true);
    // The last messages arrive in a step that is not in the trace.
    const sent = new Set(traceEvents.filter(({ ph }) => ph === "s").map(({ id }) => id));
    const arrived = traceEvents.filter(({ ph }) => ph === "f").map(({ id }) => id);
    expect(arrived.length).toBeGreaterThan(0.9 * sent.size);
    expect(arrived.every((id) => sent.has(id))).toBe(true);
    expect(readFileSync(svg, "utf8")).toMatch(/micro-batch 2/);
    expect(readdirSync(folder).toSorted()).toEqual(["t.json", "t.svg"]);
  });

  it("emulates a pipeline with the flags of the threads' own, as the function for tests does", async () => {
    const words = [
      "--stage",
      "A=2ms,F=1.5ms",
      "--net-stage",
      "700us",
      "--net-latency",
      "50us",
      "--net-jitter",
      "200us",
    ];
    const pipeline = {
      ...{ attentionInstances: 2, ffnInstances: 3, microBatches: 2, layers: 5, attentionNs: 2e6, ffnNs: 1.5e6 },
      ...{ a2fNs: 7e5, f2aNs: 7e5, latencyNs: 5e4, latencyJitterNs: 2e5, seed: 9, steps: 10 },
    };
    for (const linkUse of ["duplex", "shared", "pair"] as const) {
      const more = ["--deploy", "2A3F", "--micro-batches", "2", "--layers", "5", "--steps", "10", "--seed", "9"];
      const [row] = await rowsOf([...words, ...more, "--link", linkUse, "--jitter", "lognormal=0.1"]);
      const expected = emulatedTpotNs({ ...pipeline, linkUse, jitter: { kind: "lognormal", sigma: 0.1 } });
      expect(row?.tpotNs).toBe(expected);
    }
  });

  it("looks at the cache of given stages only where its room is given", async () => {
    const words = [...GIVEN, "--deploy", "1A1F", "--batch", "1000000"];
    const [row] = await rowsOf(words);
    expect(row?.deployment).toBe("1A1F");
    const { exitCode, err } = await run(["simulate", ...words, "--kv-tokens", "1M"]);
    expect(exitCode).toBe(3);
    expect(err).toMatch(/the cache does not fit/);
  });

  it("has pairs of instances with links of their own carry as much as the instances' links do together", async () => {
    const words = ["--deploy", "2A4F", "--steps", "2", "--net", "10GB/s"];
    const [[duplex], [pair]] = [
      await rowsOf([...words, "--link", "duplex"]),
      await rowsOf([...words, "--link", "pair"]),
    ];
    expect(duplex?.bound).toBe("network");
    expect((duplex?.boundNs ?? 0) / (pair?.boundNs ?? 1)).toBeGreaterThan(1.9);
  });

  it("scales attention from each deployment's own instances", async () => {
    const words = [
      "--stage",
      "A=200us,F=20us,A2F=1us,F2A=1us",
      "--batch",
      "384",
      "--rate",
      "100000",
      "--requests",
      "768",
    ];
    const scaled = [...words, "--decode", "32", "--prompt", "8k", "--scale-attention"];
    const [alone] = await rowsOf([...scaled, "--deploy", "4A2F"]);
    const both = await rowsOf([...scaled, "--deploy", "2A2F,4A2F"]);
    const same = both.find(({ deployment }) => deployment === alone?.deployment);
    expect(alone?.deployment).toBe("9A2F");
    expect(same).toMatchObject({ tpotNs: alone?.tpotNs, events: alone?.events });
  });

  it("spreads the bytes of requests over the attention instances that there are", async () => {
    const words = ["--stage", "A=20us,F=20us", "--net", "40GB/s", "--batch", "384", "--decode", "16"];
    const flood = [...words, "--rate", "1000000", "--requests", "384", "--deploy", "2A2F"];
    const [asked] = await rowsOf(flood);
    const [scaled] = await rowsOf([...flood, "--prompt", "16k", "--scale-attention"]);
    expect(scaled?.attentionInstances).toBe(9);
    // 128 tokens of 7168 bytes to two FFN instances: from two links they take as long as into two, from nine much less.
    const intoFfnNs = ((128 * 7168 * 2) / 40e9) * 61 * 3 * 1e9;
    expect(asked?.bound).toBe("network");
    expect(asked?.boundNs).toBeCloseTo(intoFfnNs, -3);
    expect(scaled?.boundNs).toBeCloseTo(intoFfnNs, -3);
    expect(scaled?.attentionLinkUtilization).toBeLessThan(0.3 * (scaled?.ffnLinkUtilization ?? 0));
  });

  it("has one rate of a link, whether the stages are given or modeled", async () => {
    const words = ["--deploy", "2A8F", "--net", "10GB/s", "--batch", "1536", "--link", "shared"];
    const [given] = await rowsOf([...words, "--stage", "A=1us,F=1us", "--layers", "56"]);
    const [modeled] = await rowsOf(words);
    // Five dense layers go to all eight FFN instances, the 56 with experts to four: three that are chosen and the shared one.
    expect(given?.bound).toBe("network");
    expect(modeled?.boundNs).toBeCloseTo(((given?.boundNs ?? 0) / 56) * (56 + 5 * 2), -3);
  });

  it("draws an outage no further than the work that is drawn", async () => {
    const svg = join(folder, "outage.svg");
    const { exitCode } = await run(["simulate", ...GIVEN, "--fail", "F1@200ms+50ms,A0@300us+1ms", "--svg", svg]);
    expect(exitCode).toBe(0);
    const drawn = readFileSync(svg, "utf8");
    expect(drawn).toContain("outage");
    // The axis ends with the first layers, some milliseconds, and not with the outage of FFN 1.
    expect(drawn).not.toMatch(/>(?:50000|100000|200000)</);
    rmSync(svg);
  });

  it("lets instances fail at random, of both sides or of one", async () => {
    const words = [...GIVEN, "--steps", "60"];
    const [calm] = await rowsOf(words);
    expect(calm).not.toHaveProperty("outages");
    const [failing] = await rowsOf([...words, "--mtbf", "200ms+5ms"]);
    expect(failing?.outages).toBeGreaterThan(10);
    expect(failing?.tpotNs).toBeGreaterThan(1.02 * (calm?.tpotNs ?? 0));
    const [few] = await rowsOf([...words, "--mtbf", "F=200ms+5ms"]);
    expect(few?.outages).toBeLessThan(failing?.outages ?? 0);
    const { out } = await run(["simulate", ...words, "--mtbf", "200ms+5ms"]);
    expect(out).toMatch(/steps {2}outages {2}events/);
  });

  it("has requests of different lengths", async () => {
    const words = [...GIVEN, "--rate", "500", "--requests", "300", "--decode", "16"];
    const [alike] = await rowsOf(words);
    const [spread] = await rowsOf([...words, "--decode-spread", "lognormal=0.5", "--prompt-spread", "uniform=0.5"]);
    expect(alike?.decodedTokens).toBe(300 * 16);
    expect(Math.abs((spread?.decodedTokens ?? 0) / (300 * 16) - 1)).toBeLessThan(0.1);
    expect(spread?.decodedTokens).not.toBe(300 * 16);
  });

  it("has experts as popular as recorded, beside Zipf's law, in layers that have experts", async () => {
    const path = join(folder, "tokens.csv");
    const tokens = (tokensOf: (expert: number) => number) =>
      writeFileSync(
        path,
        `expert,tokens\n${Array.from({ length: 48 }, (_, one) => `${one},${tokensOf(one)}\n`).join("")}`,
      );
    const words = ["--steps", "2"];
    const [alike] = await rowsOf(words);
    tokens(() => 5);
    expect((await rowsOf([...words, "--expert-load", path]))[0]?.tpotNs).toBeCloseTo(alike?.tpotNs ?? 0, -2);
    tokens((expert) => (expert + 1) ** -0.3);
    const recorded = (await rowsOf([...words, "--expert-load", path]))[0]?.tpotNs ?? 0;
    expect(recorded).toBeGreaterThan(1.1 * (alike?.tpotNs ?? 0));
    expect(recorded).toBeCloseTo((await rowsOf([...words, "--zipf", "0.3"]))[0]?.tpotNs ?? 0, -2);
    const { exitCode, err } = await run([
      "simulate",
      "--model",
      "deepseek-v3",
      "--batch",
      "600",
      "--expert-load",
      path,
    ]);
    expect(exitCode).toBe(2);
    expect(err).toMatch(/--expert-load .*: expected the 256 experts of deepseek-v3, got "48 experts"/);
    const both = await run(["simulate", "--zipf", "1", "--expert-load", path]);
    expect(both.err).toMatch(/--expert-load: expected one of the two/);
    rmSync(path);
  });

  it("takes as long as the card with the longest contexts where they differ, and looks whether they fit", async () => {
    const words = ["--context", "16k", "--batch", "1536", "--steps", "2"];
    const [alike] = await rowsOf(words);
    expect(alike).not.toHaveProperty("busiestContextTokens");
    const spread = ["--context-spread", "lognormal=0.8"];
    const [differing] = await rowsOf([...words, ...spread]);
    expect(differing?.contextVariation).toBeCloseTo(Math.sqrt(Math.expm1(0.64)), 12);
    expect(differing?.busiestContextTokens).toBeGreaterThan(1.1 * 16384);
    expect(differing?.tpotNs).toBeGreaterThan(1.05 * (alike?.tpotNs ?? 0));
    const [median] = await rowsOf([...words, ...spread, "--set", "efficiency.contextQuantile=0.5"]);
    expect(median).toMatchObject({ busiestContextTokens: 16384, tpotNs: alike?.tpotNs });
    const full = ["--batch", "8448", "--steps", "1"];
    expect((await run(["simulate", ...full])).exitCode).toBe(0);
    expect((await run(["simulate", ...full, "--context-spread", "lognormal=2"])).err).toMatch(/the cache does not fit/);
  });

  it.each([[], ["--context-spread", "lognormal=0.5"]])(
    "takes and refuses the batches that plan does %j",
    async (...spread) => {
      const alike = ["--context", "16k", ...spread];
      const asked = ["plan", "--model", "step3", "--hardware", "h800", "--tpot", "200ms", ...alike];
      const { out } = await run([
        ...asked,
        "--ffn",
        "expert",
        "--redundant",
        "0",
        "--max-cards",
        "48",
        "--json",
        "--quiet",
      ]);
      const { rows } = checkDocument(JSON.parse(out)) as PlanDocument;
      const deployments = rows.filter((row) => row.row === "deployment");
      const full = deployments.filter(({ placement, limit }) => placement === "afd" && limit === "memory");
      expect(full.length).toBeGreaterThan(2);
      for (const { deployment, attentionInstanceCards, ffnInstanceCards, microBatches, batch, ...planned } of full) {
        const cards = `A=${attentionInstanceCards},F=${ffnInstanceCards}`;
        const shape = ["--deploy", deployment, "--cards", cards, "--micro-batches", `${microBatches}`];
        const words = [...alike, ...shape, "--steps", "6", "--warm-up", "6"];
        const [row] = await rowsOf([...words, "--batch", `${batch}`]);
        expect(row?.busiestContextTokens).toBe(planned.busiestContextTokens);
        expect(row?.tpotNs).toBeCloseTo((planned.simulatedTpotNs ?? 0) - EFFICIENCY.jitterNs, 3);
        const more = await run(["simulate", ...words, "--batch", `${batch + microBatches}`]);
        expect(more).toMatchObject({
          exitCode: 3,
          err: expect.stringMatching(/the cache does not fit: .* 90\.0% of its/),
        });
      }
    },
  );

  it("takes contexts that differ from a file", async () => {
    const path = join(folder, "contexts.csv");
    writeFileSync(path, "contextTokens,sequences\n2048,3\n10240,1\n");
    const [row] = await rowsOf(["--steps", "1", "--context-spread", path]);
    expect(row).toMatchObject({ contextTokens: 4096, contextVariation: Math.sqrt(3) / 2 });
    const both = await run(["simulate", "--context-spread", path, "--context", "4k"]);
    expect(both.err).toMatch(/--context: expected nothing beside a file in --context-spread/);
    rmSync(path);
  });

  it("reads requests from a file, and names a hole in it", async () => {
    const arrivals = join(folder, "requests.csv");
    writeFileSync(arrivals, "arrivalSeconds,promptTokens,outputTokens\n0,4000,20\n0.01,3000,10\n");
    const [row] = await rowsOf([...GIVEN, "--arrivals", arrivals]);
    expect(row).toMatchObject({ requests: 2, decodedTokens: 30 });
    writeFileSync(arrivals, "arrivalSeconds,promptTokens,outputTokens\n0,4000,20\n0.01,,10\n");
    const { exitCode, err } = await run(["simulate", ...GIVEN, "--arrivals", arrivals]);
    expect(exitCode).toBe(2);
    expect(err).toMatch(/line 3, column promptTokens: expected a whole number/);
    rmSync(arrivals);
  });

  it.each([
    [[...RECORD, "--deploy", "16A1F", "--batch", "192"], 2, /--net: expected the network of an instance/],
    [
      [...RECORD, "--context", "2k", "--batch", "192"],
      2,
      /--from .*: expected a row of attention\.layer of step3 in int8 with a medianNs at kvTokens=2048, got "kvTokens=1024"/,
    ],
    [
      [...RECORD, "--model", "deepseek-v3"],
      2,
      /expected a row of attention\.layer of deepseek-v3 in int8 with a medianNs/,
    ],
    [[...RECORD, "--attention-kernel", "attention.core"], 2, /expected a row of attention\.core of step3 in int8/],
    [["--attention-kernel", "attention.core"], 2, /--attention-kernel: expected --from FILE beside it/],
    [[...RECORD, "--dtype", "f32"], 2, /expected a row of moe\.layer of step3 in f32 with a medianNs/],
    [[...RECORD, "--from-rows", "projected", "--ffn-on", "a800"], 2, /moe\.layer .* with a projection to a800/],
    [[...RECORD, "--stage", "A=1ms,F=1ms"], 2, /--from: expected one of the two/],
    [["--dtype", "f32"], 2, /--dtype: expected --from FILE beside it/],
    [["--from", "package.json"], 2, /package\.json: command: expected "bench", got nothing/],
    [["--from", "none.json"], 2, /--from: expected the path of a record/],
    [[...GIVEN, "--mtbf", "30s"], 2, /--mtbf: expected MEAN\+RECOVERY, such as 30s\+200ms, got "30s"/],
    [[...GIVEN, "--mtbf", "A=30s+1s,A=1s+1s"], 2, /--mtbf: expected MEAN\+RECOVERY, or A=MEAN/],
    [[...GIVEN, "--mtbf", "1us+1ms"], 3, /an instance fails so often/],
    [[...GIVEN, "--prompt-spread", "uniform=0.1"], 2, /--prompt-spread: expected --arrivals FILE or --rate NUMBER/],
    [[...GIVEN, "--rate", "5", "--decode-spread", "pareto=1"], 2, /--decode-spread: expected lognormal=SIGMA/],
    [["--net-stage", "1ms"], 2, /--net-stage: expected --stage A=TIME,F=TIME beside it/],
    [[...GIVEN, "--net-stage", "1ms"], 2, /--net-stage: expected no A2F and F2A in --stage/],
    [[...GIVEN, "--net", "10GB/s"], 2, /--net: expected no A2F and F2A in --stage/],
    [
      ["--stage", "A=2ms,F=2ms", "--net-stage", "1ms", "--net", "10GB/s"],
      2,
      /--net: expected nothing beside --net-stage/,
    ],
    [["--trace-steps", "3"], 2, /--trace-steps: expected --trace FILE beside it/],
    [["--link", "mesh"], 2, /--link: expected one of duplex, shared, pair/],
    [["--batch", "12..3"], 2, /--batch: expected a range/],
    [["--context", "1..200", "--batch", "6101..6200"], 2, /20000 combinations/],
    [["--context-spread", "logn=1"], 2, /--context-spread: expected lognormal=SIGMA, uniform/],
    [
      [...GIVEN, "--context-spread", "uniform=1"],
      2,
      /--context-spread: expected modeled stage times.*"beside --stage"/,
    ],
    [
      [...RECORD, "--context-spread", "uniform=1"],
      2,
      /--context-spread: expected modeled stage times.*"beside --from"/,
    ],
    [["--rate", "5", "--context-spread", "uniform=1"], 2, /--context-spread: expected a steady batch: requests have/],
    [["--threads", "0"], 2, /--threads: expected a whole number/],
    [["--batch", "384,768", "--svg", join(tmpdir(), "a.svg")], 2, /--svg: expected one of each, got "with 2 comb/],
    [["--deploy", "0A2F"], 2, /--deploy: expected attention and FFN instances, at least one of each/],
    [["--stage", "A=200us"], 2, /--stage: expected times of a layer's attention and FFN/],
    [["--stage", "A=200,F=200us"], 2, /--stage/],
    [["--layers", "5"], 2, /--layers: expected the times of these layers, in --stage/],
    [["--fail", "A9@1ms+1ms"], 2, /--fail A9: expected/],
    [["--straggler", "A7=2"], 2, /--straggler: expected an instance from 0 to 1/],
    [["--model", "qwen3-32b", "--batch", "600", "--zipf", "1"], 2, /--zipf: expected a model with experts/],
    [["--attention-on", "l20", "--batch", "600"], 2, /l20/],
    [["--set", "efficiency.networkShar=1"], 2, /did you mean "networkShare"/],
    [["--batch", "1000000"], 3, /the cache does not fit/],
  ])("refuses %j", async (words, code, message) => {
    const { exitCode, out, err } = await run(["simulate", ...words]);
    expect({ exitCode, out }).toEqual({ exitCode: code, out: "" });
    expect(err).toMatch(message);
  });
});
