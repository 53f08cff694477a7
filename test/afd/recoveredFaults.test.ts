import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { type PipelinePlan, type PipelineRun, referenceChecksums, runPipeline } from "../../src/afd/pipeline.ts";
import { runViolations } from "../../src/afd/runViolations.ts";
import { emulatedPlan, type PlanChanges } from "./emulatedPlans.ts";

/** Runs a plan that has to end as if nothing had happened. */
async function recovered(plan: PipelinePlan): Promise<PipelineRun> {
  const run = await runPipeline(plan);
  expect(run.unrecoverable).toBeUndefined();
  expect(runViolations(plan, run, referenceChecksums(plan))).toEqual([]);
  return run;
}

function restartsOf({ memberships }: PipelineRun): number {
  return memberships.reduce((sum, { result }) => sum + result.restarts.length, 0);
}

describe("a run with one fault ends as without it", () => {
  it.each(["exit", "throw", "outOfMemory", "hang"].flatMap((kind) => ["A1", "F1"].map((at) => `${kind}:${at}@1.1.1`)))(
    "%s",
    async (fault) => {
      expect(restartsOf(await recovered(emulatedPlan(fault)))).toBe(1);
    },
  );

  it.each(
    ["drop", "duplicate", "reorder", "corrupt"].flatMap((kind) =>
      ["A1-F0", "F1-A0"].map((link) => `${kind}:${link}@1.1.0`),
    ),
  )("%s", async (fault) => {
    const run = await recovered(emulatedPlan(fault));
    const { duplicates, resends, corrupted } = run.memberships[0]?.result ?? {
      duplicates: -1,
      resends: 0,
      corrupted: -1,
    };
    // On a slow machine a message is asked for again while it is under way.
    const ownDuplicates = fault.startsWith("duplicate") ? 1 : 0;
    expect(duplicates).toBeGreaterThanOrEqual(ownDuplicates);
    expect(duplicates).toBeLessThanOrEqual(ownDuplicates + resends);
    expect(corrupted).toBe(fault.startsWith("corrupt") ? 1 : 0);
    if (fault.startsWith("drop") || fault.startsWith("corrupt")) expect(resends).toBeGreaterThanOrEqual(1);
  });

  it.each([
    "delay:A1-F0@1.1.0+5ms",
    "delay:F1-A0@1.1.0+5ms",
    "slow:A0x3@1..2",
    "slow:F1x3@0..1",
    "slowLink:A0-F1@1..2+2ms",
    "slowLink:F0-A1@0..1+2ms",
    "add:A@1",
    "add:F@2",
    "remove:A@1",
    "remove:F@2",
  ])("%s", async (fault) => {
    expect(restartsOf(await recovered(emulatedPlan(fault)))).toBe(0);
  });
});

describe("faults that meet", () => {
  const cases: [name: string, faults: string, changes?: PlanChanges][] = [
    ["at the very first stages", "throw:A0@0,throw:F1@0.0.1,drop:A1-F0@0,corrupt:F0-A0@0"],
    ["at the very last ones", "throw:A0@2.1.1,throw:F1@2.1.1,drop:F0-A1@2.1.1,corrupt:F1-A0@2.1.0"],
    ["again and again at one place", "throw:F0@1.1.0,throw:F0@1.1.0,exit:F0@1.1.0,throw:A0@1.1.0,throw:A0@1.1.0"],
    ["on all instances at once", "throw:A0@1,throw:A1@1,throw:F0@1,throw:F1@1,exit:A0@1.0.1,exit:F1@1.0.1"],
    // An answer is lost and its sender gone before it is asked for.
    [
      "a lost answer, its sender hung",
      "drop:F1-A0@1.0.0,hang:F1@1.0.1",
      { recovery: { retransmitNs: 2e6, retries: 1 } },
    ],
    [
      "a lost token, its sender dead",
      "drop:A0-F1@1.0.0,exit:A0@1.0.1",
      { recovery: { retransmitNs: 1e6, retries: 1 } },
    ],
    // A restarted FFN instance has answered some and not others.
    ["an answer that only some have", "drop:F0-A1@1.0.0,throw:F0@1.0.1,throw:A1@1.0.1,delay:F1-A0@1.0.0+4ms"],
    ["around a change of instances", "throw:A1@0.1.1,add:A@1,throw:A2@1,remove:F@2,throw:F0@2,corrupt:F0-A2@2.1.0"],
    ["an exchange of instances", "remove:F@1,add:F@1,remove:A@1,add:A@1,throw:F1@1,throw:A1@1"],
    ["with one micro-batch", "throw:A1@1,exit:F0@1.1.0,drop:A0-F0@2", { sizes: [3] }],
    ["with two threads an instance", "throw:A1@1,exit:F0@1.1.0,hang:A0@2", { plan: { threadsPerInstance: 2 } }],
    [
      "with instances that have no sequence",
      "throw:A3@1,exit:F0@1.1.0,corrupt:A3-F1@1,corrupt:F1-A3@1.1.0,drop:F0-A2@2",
      { sizes: [1, 2], stages: { attentionInstances: 4 } },
    ],
    ...(["shared", "pair"] as const).map((linkUse): [string, string, PlanChanges] => [
      `over ${linkUse} links`,
      "throw:A1@1,exit:F0@1.1.0,drop:A0-F0@2,delay:F1-A1@2.1.0+3ms,slowLink:A0-F1@0..1+1ms",
      { plan: { network: { linkUse, bytesPerSecond: 1e6, stageNs: undefined, latencyNs: 50e3, jitterNs: 20e3 } } },
    ]),
  ];

  it.each(cases.map(([name, faults, changes = {}]) => ({ name, faults, changes })))(
    "$name",
    async ({ faults, changes }) => {
      await recovered(emulatedPlan(faults, changes));
    },
  );
});

describe("what can't be recovered is said in one sentence", () => {
  it.each([
    [
      "throw:A1@1,throw:A1@1.1.0",
      1,
      /^attention instance 1 could not be recovered within 1 restart: a fault was injected: exception$/,
    ],
    ["exit:F0@1", 0, /^FFN instance 0 could not be recovered within 0 restarts: worker exited with code: 1$/],
    ["hang:F1@1", 0, /^FFN instance 1 could not be recovered within 0 restarts: no sign of life for 1 s$/],
    [
      "drop:F1-A0@1.1.1",
      0,
      /^attention instance 0 can't go on: the message of FFN instance 1 for step 1, layer 1, micro-batch 1 did not come whole within 0 retransmissions$/,
    ],
    [
      "corrupt:A0-F1@1",
      0,
      /^FFN instance 1 can't go on: the message of attention instance 0 for step 1, layer 0, micro-batch 0 did not/,
    ],
  ])("%s with %i retries", async (faults, retries, sentence) => {
    const plan = emulatedPlan(faults, { recovery: { retries, retransmitNs: 100e6 } });
    const run = await runPipeline(plan);
    expect(run.unrecoverable).toMatch(sentence);
    expect(runViolations(plan, run, referenceChecksums(plan))).toEqual([]);
  });
});

describe("a run that is stopped", () => {
  it.each(["exit:F1@0.0.1", "hang:A0@0.1.0", "throw:A1@1"])(
    "ends in the middle of a restart after %s",
    async (fault) => {
      const before = process.getActiveResourcesInfo().length;
      for (const afterMs of [0, 60, 150, 300]) {
        const controller = new AbortController();
        const stages = { steps: 400, attentionNs: 1e6, ffnNs: 1e6 };
        const plan = emulatedPlan(fault, {
          stages,
          recovery: { watchdogNs: 100e6 },
          plan: { signal: controller.signal },
        });
        const running = runPipeline(plan);
        await sleep(afterMs);
        controller.abort();
        const run = await running;
        expect(run.interrupted).toBe(true);
        expect(run.unrecoverable).toBeUndefined();
      }
      const untilMs = performance.now() + 2000;
      while (process.getActiveResourcesInfo().length > before && performance.now() < untilMs) await sleep(5);
      expect(process.getActiveResourcesInfo().length).toBeLessThanOrEqual(before + 1);
    },
  );
});
