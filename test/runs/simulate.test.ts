import { describe, expect, it } from "vitest";
import type { ProgressEvent } from "../../src/runs/settings.ts";
import { simulate } from "../../src/runs/simulate.ts";
import type { SimulateSettings } from "../../src/runs/simulateSettings.ts";

const SETTINGS: SimulateSettings = {
  deployments: [
    { attentionInstances: 2, ffnInstances: 2 },
    { attentionInstances: 3, ffnInstances: 2 },
  ],
  contexts: [4096],
  batches: [768, 1536, 3072],
  microBatchCounts: [2, 3],
  model: { name: "step3" },
  attentionOn: "h800",
  ffnOn: "h800",
  settings: [],
  attentionCards: 8,
  ffnCards: 8,
  stages: undefined,
  layers: undefined,
  linkKind: "shared",
  networkBytesPerSecond: undefined,
  networkLatencyNs: 0,
  latencyJitterNs: 0,
  jitter: { kind: "lognormal", sigma: 0.1 },
  stragglers: [],
  contextSpread: undefined,
  experts: { kind: "zipf", exponent: 0.3 },
  outages: [],
  failures: {},
  requests: undefined,
  kvTokensPerInstance: undefined,
  steps: 4,
  warmUpSteps: 1,
  seed: 7,
  record: undefined,
  threads: 1,
  signal: new AbortController().signal,
  onProgress() {},
};

describe("simulate", () => {
  it("gives the same rows in the same order, whatever the number of threads", async () => {
    const [one, two] = await Promise.all(
      [1, 2].map(async (threads) => (await simulate({ ...SETTINGS, threads })).document.rows),
    );
    expect(one).toHaveLength(12);
    expect(two).toEqual(one);
    expect(one?.map(({ rank }) => rank)).toEqual(one?.map((_, index) => index + 1));
    const rates = one?.map(({ tokensPerSecondPerCard }) => tokensPerSecondPerCard);
    expect(rates).toEqual(rates?.toSorted((rate, other) => other - rate));
  });

  it("keeps the points that are done when it is interrupted", async () => {
    const [small, endless] = [2, 50_000].map((ffnInstances) => ({ attentionInstances: 2, ffnInstances }));
    if (small === undefined || endless === undefined) throw new Error("no deployments");
    const few = {
      ...SETTINGS,
      batches: [768],
      microBatchCounts: [3],
      linkKind: "duplex",
      experts: undefined,
    } as const;
    const given = { attentionNs: 1e5, ffnNs: 1e5, a2fNs: 1e4, f2aNs: 1e4 };
    const settings = { ...few, stages: given, deployments: [small] };
    const { rows } = (await simulate(settings)).document;
    const controller = new AbortController();
    const events: ProgressEvent[] = [];
    const { document, interrupted } = await simulate({
      ...settings,
      deployments: [small, endless],
      signal: controller.signal,
      onProgress(event) {
        events.push(event);
        controller.abort();
      },
    });
    expect(interrupted).toBe(true);
    expect(events).toMatchObject([{ done: 1, total: 2, text: expect.stringMatching(/^2A50000F: .* M events, /) }]);
    expect(document.rows).toEqual(rows);
    expect(document.notes.at(-1)).toMatch(/^Interrupted: /);
  });

  it("names the points that cannot be carried out where others can", async () => {
    const { document } = await simulate({ ...SETTINGS, batches: [768, 48_000, 96_000], microBatchCounts: [3] });
    expect(document.rows.map(({ batch }) => batch)).toEqual([768, 768]);
    expect(document.notes.filter((note) => note.startsWith("Left out, 2A2F, batch 48000: the cache"))).toHaveLength(1);
    await expect(simulate({ ...SETTINGS, batches: [96_000] })).rejects.toThrow(/^the cache does not fit/);
  });

  it("refuses more combinations than anybody reads, and a batch too small for one of them", async () => {
    const many = Array.from({ length: 1000 }, (_, index) => 1000 + index);
    await expect(simulate({ ...SETTINGS, contexts: many, batches: many })).rejects.toThrow(/at most 10000/);
    for (const threads of [1, 2]) {
      await expect(
        simulate({ ...SETTINGS, threads, batches: [768, 5], deployments: SETTINGS.deployments.slice(0, 1) }),
      ).rejects.toThrow(
        /--batch: expected at least a sequence for each of 3 micro-batches on 2 attention instances, got 5/,
      );
    }
  });
});
