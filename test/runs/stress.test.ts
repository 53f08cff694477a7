import { describe, expect, it } from "vitest";
import { formatFaults, parseFaults } from "../../src/afd/faultSpec.ts";
import { type PipelinePlan, type PipelineRun, referenceChecksums, runPipeline } from "../../src/afd/pipeline.ts";
import { runViolations } from "../../src/afd/runViolations.ts";
import type { StageEntry } from "../../src/afd/stageLog.ts";
import { kernelsHere } from "../../src/runs/kernelsHere.ts";
import { shrinkCase } from "../../src/runs/shrinkCase.ts";
import { type StressSettings, stress } from "../../src/runs/stress.ts";
import { type StressCase, stressCase, withPlacedFaults } from "../../src/runs/stressCase.ts";
import { pipelineCommand } from "../../src/runs/stressCommand.ts";
import { type StressEngine, stressRun } from "../../src/runs/stressRun.ts";
import { emulatedPlan } from "../afd/emulatedPlans.ts";
import { fakeTerminal, run as runCommand } from "../cli/terminal.ts";

const here = await kernelsHere(undefined);

/** A run of 1A1F with the given faults. */
function caseOf(faults: string, changes: Partial<StressCase> = {}): StressCase {
  const stages = { kind: "emulated", attentionNs: 50e3, ffnNs: 50e3, layers: 2, messageBytes: 16 } as const;
  return {
    ...{ attentionInstances: 1, ffnInstances: 1, sizes: [2, 1], steps: 2, threadsPerInstance: 1, layers: 2, seed: 5 },
    stages: { ...stages, jitter: { kind: "none" } },
    network: { linkUse: "duplex", bytesPerSecond: undefined, stageNs: undefined, latencyNs: 0, jitterNs: 0 },
    faults: faults === "" ? [] : parseFaults(faults),
    recovery: { retries: 2, retransmitNs: 10e6, watchdogNs: 1e9 },
    ...changes,
  };
}

async function violationsOf(engine: StressEngine, faults = "", timeoutMs = 20_000): Promise<readonly string[]> {
  const { signal } = new AbortController();
  const host = { engine, here, cores: 2, availableBytes: 2 ** 30, timeoutMs, signal };
  const result = await stressRun(caseOf(faults), host);
  return result.status === "violated" ? result.violations : [];
}

/** The pipeline, with something done to what it gives. */
function tampered(change: (run: PipelineRun) => PipelineRun): StressEngine {
  return async (plan) => change(await runPipeline(plan));
}

function withLog(run: PipelineRun, change: (log: readonly StageEntry[]) => readonly StageEntry[]): PipelineRun {
  const [{ membership, result }] = run.memberships as [PipelineRun["memberships"][number]];
  return { ...run, memberships: [{ membership, result: { ...result, ffn: result.ffn.map(change) } }] };
}

describe("a defect of the pipeline is noticed:", () => {
  it("none, where there is none", async () => {
    expect(await violationsOf(runPipeline, "throw:A0@1,drop:F0-A0@0.1.0")).toEqual([]);
  });

  it("an output that differs", async () => {
    const engine = tampered((run) => ({
      ...run,
      checksums: run.checksums.map((sum, at) => (at === 4 ? sum ^ 1 : sum)),
    }));
    expect(await violationsOf(engine)).toEqual([
      "1 of 6 outputs are not those of one thread, first sequence 1 in step 1",
    ]);
  });

  it("stages of another seed, all the way through", async () => {
    const other = (plan: PipelinePlan): PipelinePlan =>
      plan.work.kind === "emulated"
        ? { ...plan, work: { kind: "emulated", emulated: { ...plan.work.emulated, seed: 6 } } }
        : plan;
    expect(await violationsOf((plan) => runPipeline(other(plan)))).toEqual([
      "6 of 6 outputs are not those of one thread, first sequence 0 in step 0",
    ]);
  });

  it("a message applied twice, or never", async () => {
    const twice = tampered((run) => withLog(run, (log) => [...log, log[2] as StageEntry]));
    expect(await violationsOf(twice)).toEqual([expect.stringMatching(/^F0 ran stage \d\.\d\.\d 2 times$/)]);
    const never = tampered((run) => withLog(run, (log) => log.slice(1)));
    expect(await violationsOf(never)).toEqual([expect.stringMatching(/^F0 did not run stage \d\.\d\.\d$/)]);
    const again = tampered((run) => withLog(run, (log) => [...log, { ...(log[0] as StageEntry), redone: 1 }]));
    expect(await violationsOf(again)).toEqual([expect.stringContaining("again, though it was not restarted")]);
  });

  it("a fault that was passed by", async () => {
    const deaf: StressEngine = async (plan) => ({ ...(await runPipeline({ ...plan, faults: [] })), fired: [false] });
    expect(await violationsOf(deaf, "exit:A0@1")).toContain("the run passed exit:A0@1.0.0 by, and it did not happen");
  });

  it("a lost message that nobody asks for again", async () => {
    const patient: StressEngine = (plan) =>
      runPipeline({ ...plan, recovery: { ...plan.recovery, retransmitNs: 3600e9 } });
    expect(await violationsOf(patient, "drop:A0-F0@1", 2500)).toEqual(["the run did not end within 2.50 s"]);
  });

  it("a run that gives up too early, or for nothing", async () => {
    const hasty: StressEngine = (plan) => runPipeline({ ...plan, recovery: { ...plan.recovery, retries: 0 } });
    for (const fault of ["throw:A0@1", "corrupt:A0-F0@1"])
      expect(await violationsOf(hasty, fault)).toEqual([expect.stringMatching(/^given up without a cause/)]);
    const strange = tampered((run) => ({ ...run, unrecoverable: "the moon was full" }));
    expect(await violationsOf(strange)).toEqual(["given up for something else: the moon was full"]);
  });

  it("a run that fails", async () => {
    expect(await violationsOf(() => Promise.reject(new Error("no such stage")))).toEqual([
      "the run failed: no such stage",
    ]);
  });

  it("timers and a listener that are left behind", async () => {
    const timers: NodeJS.Timeout[] = [];
    const careless: StressEngine = async (plan) => {
      for (let count = 0; count < 5; count++) timers.push(setTimeout(() => {}, 30_000));
      plan.signal.addEventListener("abort", () => {});
      return runPipeline(plan);
    };
    const violations = await violationsOf(careless);
    for (const timer of timers) clearTimeout(timer);
    expect(violations[0]).toMatch(/^left behind: \d Timeout$/);
    expect(violations[1]).toBe("left behind: 1 listeners of the signal");
  });
});

it("the stages of restarted instances may be run again, and only theirs", async () => {
  const plan = emulatedPlan("throw:A1@1.1.1");
  const run = await runPipeline(plan);
  const expected = referenceChecksums(plan);
  expect(runViolations(plan, run, expected)).toEqual([]);
  const redone = run.memberships.flatMap(({ result }) => result.attention.flat().filter((entry) => entry.redone === 1));
  expect(redone.length).toBeGreaterThan(0);
  const forgotten = run.memberships.map(({ membership, result }) => ({
    membership,
    result: { ...result, restarts: [] },
  }));
  expect(runViolations(plan, { ...run, memberships: forgotten }, expected).join()).toContain("was not restarted");
});

describe("a case that is violated", () => {
  it("is shrunk to what it takes", async () => {
    const large = withPlacedFaults(
      caseOf("exit:A0@0,drop:A2-F1@3.1.0,corrupt:F1-A1@4.1.1,slow:F2x3@1..4", {
        ...{ attentionInstances: 3, ffnInstances: 3, sizes: [4, 2, 3], steps: 6, threadsPerInstance: 2 },
        recovery: { retries: 3, retransmitNs: 10e6, watchdogNs: 1e9 },
      }),
    );
    expect(large.faults.length).toBe(4);
    let runs = 0;
    // As a race would: seen in every second run only.
    const isViolated = async ({ faults }: StressCase): Promise<boolean> =>
      faults.some(({ kind }) => kind === "corrupt") && runs++ % 2 === 1;
    const smallest = await shrinkCase(large, { isViolated, tries: 4, isOver: () => false });
    expect(formatFaults(smallest.faults)).toBe("corrupt:F1-A1@4.1.1");
    expect(pipelineCommand(smallest)).toBe(
      "afdbench pipeline --stage A=50000ns,F=50000ns --layers 2 --message-bytes 4B --attention 2 --ffn 2 " +
        "--micro-batch-sizes 1,1 --steps 5 --warm-up 0 --faults corrupt:F1-A1@4.1.1 " +
        "--retries 3 --retransmit 10000000ns --watchdog 1000000000ns --seed 5",
    );
  });

  it("has a row that says what, and how to have it again; the others go on", async () => {
    const bad = 3;
    const engine: StressEngine = async (plan) => {
      const run = await runPipeline(plan);
      return plan.seed === bad ? { ...run, checksums: run.checksums.map((sum) => sum ^ 1) } : run;
    };
    const settings: StressSettings = {
      ...{ length: { kind: "runs", runs: 3 }, seed: 2, timeoutNs: 60e9, engine },
      signal: new AbortController().signal,
      onProgress: () => {},
    };
    const { document, failed, interrupted } = await stress(settings);
    expect({ failed, interrupted }).toEqual({ failed: true, interrupted: false });
    expect(document.rows.map(({ seed, status }) => [seed, status])).toEqual([
      [2, "ok"],
      [3, "violated"],
      [4, "ok"],
    ]);
    const row = document.rows[1];
    expect(row?.statusReason).toContain("outputs are not those of one thread");
    expect(row?.replay).toBe("afdbench stress --seed 3 --runs 1");
    expect(row?.shrunk).toContain("--attention 1 --ffn 1 --micro-batch-sizes 1 --steps 1");
    // The printed line is one that the command takes.
    const words = (row?.shrunk ?? "").split(" ").slice(1);
    expect((await runCommand([...words, "--quiet", "--json"])).exitCode).toBe(0);
  });
});

describe("cases of seeds", () => {
  it("are the same again, can happen, and cover what there is", () => {
    const cases = Array.from({ length: 2000 }, (_, seed) => stressCase(seed));
    expect(stressCase(17)).toEqual(cases[17]);
    expect(withPlacedFaults(cases[17] as StressCase)).toEqual(cases[17]);
    const kinds = new Set(cases.flatMap(({ faults }) => faults.map(({ kind }) => kind)));
    expect(kinds.size).toBe(13);
    expect(new Set(cases.map(({ attentionInstances }) => attentionInstances))).toEqual(new Set([1, 2, 3, 4]));
    expect(new Set(cases.map(({ ffnInstances }) => ffnInstances))).toEqual(new Set([1, 2, 3, 4]));
    expect(new Set(cases.map(({ network }) => network.linkUse)).size).toBe(3);
    expect(cases.filter(({ stages }) => stages.kind === "kernels").length / cases.length).toBeCloseTo(0.2, 1);
  });
});

describe("afdbench stress", () => {
  it("keeps its rows when it is interrupted", async () => {
    const terminal = fakeTerminal();
    const { err } = terminal;
    const interrupting = {
      ...terminal,
      err(text: string) {
        err(text);
        if (text.startsWith("[ 2/50]")) terminal.interrupt();
      },
    };
    const { exitCode, out } = await runCommand(["stress", "--runs", "50", "--seed", "3", "--json"], interrupting);
    expect(exitCode).toBe(130);
    const { rows, notes } = JSON.parse(out) as { rows: unknown[]; notes: string[] };
    expect(rows.length).toBe(2);
    expect(notes.at(-1)).toContain("Interrupted");
  });

  it.each([
    [["--runs", "0"], "--runs: expected a whole number of at least 1"],
    [["--runs", "5", "--minutes", "1"], "--minutes: expected one of the two"],
    [["--minutes", "0"], "--minutes: expected a number from"],
    [["--seed", "-1"], "--seed: expected a whole number from 0"],
    [["--timeout", "5"], "--timeout: expected a duration"],
  ])("refuses %j", async (words, reason) => {
    const { exitCode, err } = await runCommand(["stress", ...words]);
    expect(exitCode).toBe(2);
    expect(err).toContain(reason);
  });
});
