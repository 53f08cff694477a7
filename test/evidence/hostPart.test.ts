import { describe, expect, it } from "vitest";
import { hostPartOf, withHost } from "../../src/evidence/hostPart.ts";

const NONE = { addsNs: 0, leastNs: 0 };

describe("the host's part in a published time", () => {
  it("is what the row says", () => {
    expect(hostPartOf({ timing: "eager" }, undefined, undefined)).toEqual({ addsNs: 16_000, leastNs: 0 });
    expect(hostPartOf({ hostUs: 80 }, undefined, undefined)).toEqual({ addsNs: 0, leastNs: 80_000 });
    expect(hostPartOf({ timing: "device" }, "alibaba/InferSim", "bench_data/mha/decode/h800/x.csv")).toEqual(NONE);
  });

  it("is else that of the table that the row comes from", () => {
    const inferSim = (path: string) => hostPartOf({}, "alibaba/InferSim", path);
    expect(inferSim("bench_data/mha/decode/h800/40-8-128.csv").addsNs).toBe(16_000);
    expect(inferSim("bench_data/mha/decode/h20/32-8-128.csv")).toEqual(NONE);
    expect(inferSim("bench_data/gemm/h800/data.csv")).toEqual(NONE);
    expect(hostPartOf({}, "someone/else", "bench_data/mha/decode/h800/40-8-128.csv")).toEqual(NONE);
    expect(hostPartOf({}, undefined, undefined)).toEqual(NONE);
  });

  it("adds to a kernel's time, or hides what is shorter", () => {
    expect(withHost(10_000, NONE)).toBeCloseTo(10_000, 6);
    expect(withHost(10_000, { addsNs: 16_000, leastNs: 0 })).toBeCloseTo(26_000, 6);
    expect(withHost(10_000, { addsNs: 0, leastNs: 80_000 })).toBeCloseTo(80_000, -2);
    expect(withHost(1e6, { addsNs: 0, leastNs: 80_000 })).toBeCloseTo(1e6, -2);
  });
});
