import { describe, expect, it } from "vitest";
import type { Slice } from "../../src/record/slice.ts";
import { traceWriter } from "../../src/report/trace.ts";

const INSTANCES = { attentionInstances: 1, ffnInstances: 2 };
const WORK: Slice = {
  ...{ side: "attention", instance: 0, lane: "compute", microBatch: 1, step: 2, layer: 3 },
  ...{ startNs: 1000, endNs: 4500 },
};

interface TraceEvent {
  readonly ph: string;
  readonly pid: number;
  readonly name: string;
  readonly id?: string;
  readonly ts?: number;
  readonly [key: string]: unknown;
}

function eventsOf(slices: readonly Slice[], instances = INSTANCES): readonly TraceEvent[] {
  const texts: string[] = [];
  const writer = traceWriter(instances, (text) => texts.push(text));
  for (const slice of slices) writer.add(slice);
  writer.end();
  const trace = JSON.parse(texts.join("")) as { traceEvents: TraceEvent[]; displayTimeUnit: string };
  expect(trace.displayTimeUnit).toBe("ns");
  return trace.traceEvents;
}

describe("traceWriter", () => {
  it("writes valid JSON without slices", () => {
    expect(eventsOf([])).toEqual([]);
  });

  it("has a process an instance, attention first, and a thread a lane, each named once", () => {
    const ffn = { ...WORK, side: "ffn", instance: 1 } as const;
    const events = eventsOf([WORK, WORK, { ...WORK, lane: "sending" }, ffn]);
    const named = events.filter(({ ph }) => ph === "M");
    expect(named.map(({ name, pid, args }) => [name, pid, args])).toEqual([
      ["process_name", 1, { name: "attention 0" }],
      ["process_sort_index", 1, { sort_index: 1 }],
      ["thread_name", 1, { name: "compute" }],
      ["thread_name", 1, { name: "sending" }],
      ["process_name", 3, { name: "FFN 1" }],
      ["process_sort_index", 3, { sort_index: 3 }],
      ["thread_name", 3, { name: "compute" }],
    ]);
  });

  it("gives slices in microseconds, with where they belong", () => {
    const [slice] = eventsOf([WORK]).filter(({ ph }) => ph === "X");
    expect(slice).toMatchObject({ name: "layer 3, micro-batch 1", cat: "compute", ts: 1, dur: 3.5 });
    expect(slice?.["args"]).toEqual({ step: 2, layer: 3, microBatch: 1 });
    const [outage] = eventsOf([{ ...WORK, lane: "outage" }]).filter(({ ph }) => ph === "X");
    expect(outage).toMatchObject({ name: "outage", ts: 1, dur: 3.5 });
  });

  it("joins what sent a message and what waited for it by one flow for each instance of the larger side", () => {
    const ffns = [0, 1].map((instance): Slice => ({ ...WORK, side: "ffn", instance, startNs: 5000, endNs: 6000 }));
    const next: Slice = { ...WORK, layer: 4, startNs: 7000, endNs: 8000 };
    const events = eventsOf([WORK, ...ffns, next]);
    const idsOf = (ph: string) => events.filter((event) => event.ph === ph).map(({ id }) => id);
    const ended = idsOf("f");
    const begun = idsOf("s");
    // Two to the FFN instances, two back; what the first layer here waited for was sent before the trace.
    expect(ended.filter((id) => begun.includes(id))).toHaveLength(4);
    expect(new Set(begun).size).toBe(begun.length);
    // A flow lies within the slice that it leaves or reaches.
    for (const { ph, ts = -1 } of events) {
      if (ph === "s") expect([4.499, 5.999, 7.999]).toContain(ts);
      if (ph === "f") expect([1, 5, 7]).toContain(ts);
    }
    expect(events.filter(({ ph }) => ph === "f").every(({ bp }) => bp === "e")).toBe(true);
  });

  it("has no flow into the first layer of a step, and none from links and outages", () => {
    const flows = (slice: Slice) => eventsOf([slice]).filter(({ ph }) => ph === "f" || ph === "s");
    expect(flows({ ...WORK, layer: 0 }).map(({ ph }) => ph)).toEqual(["s", "s"]);
    for (const lane of ["sending", "receiving", "outage"] as const) expect(flows({ ...WORK, lane })).toEqual([]);
  });

  it("keeps a flow within a slice that is shorter than a nanosecond", () => {
    const [flow] = eventsOf([{ ...WORK, layer: 0, endNs: 1000.5 }]).filter(({ ph }) => ph === "s");
    expect(flow?.ts).toBe(1);
  });
});
