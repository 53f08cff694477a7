import { describe, expect, it } from "vitest";
import { type SamplePlan, sampleCall } from "../../src/measure/sample.ts";

const plan: SamplePlan = {
  minSamples: 10,
  minSlowSamples: 5,
  slowNs: 5e8,
  minTimeNs: 0,
  warmups: 3,
  minSampleNs: 0,
};
const never = new AbortController().signal;

/** A call that says it took the given times, one after the other, and remembers what it was asked for. */
function fakeCall(timesNs: readonly number[]) {
  const asked: number[] = [];
  const callNs = async (calls: number): Promise<number> => {
    asked.push(calls);
    return timesNs[(asked.length - 1) % timesNs.length] as number;
  };
  return { asked, callNs };
}

describe("sampleCall", () => {
  it("takes as many samples as the plan asks for, after a probe and the warm-ups", async () => {
    const { asked, callNs } = fakeCall([1000]);
    const samples = await sampleCall(callNs, plan, never);
    expect(samples.samplesNs).toHaveLength(10);
    expect(asked).toHaveLength(1 + 3 + 10);
    for (const sample of samples.samplesNs) expect(sample).toBeCloseTo(1000, 6);
  });

  it("goes on until its time has passed", async () => {
    const { callNs } = fakeCall([2e6]);
    const { samplesNs } = await sampleCall(callNs, { ...plan, minTimeNs: 1e8 }, never);
    expect(samplesNs.length).toBeGreaterThanOrEqual(50);
  });

  it("takes fewer samples where one is slow, and one warm-up at most", async () => {
    const { asked, callNs } = fakeCall([6e8]);
    const { samplesNs } = await sampleCall(callNs, { ...plan, minTimeNs: 5e8 }, never);
    expect(samplesNs).toHaveLength(5);
    expect(asked).toHaveLength(1 + 1 + 5);
  });

  it("takes no warm-up where none is asked for", async () => {
    const { asked, callNs } = fakeCall([1000]);
    await sampleCall(callNs, { ...plan, warmups: 0 }, never);
    expect(asked).toHaveLength(1 + 10);
  });

  it("repeats a short call within a sample until the sample is long enough", async () => {
    const { asked, callNs } = fakeCall([1000]);
    await sampleCall(callNs, { ...plan, minSampleNs: 5e6 }, never);
    expect(asked[0]).toBe(1);
    expect(new Set(asked.slice(1))).toEqual(new Set([5000]));
  });

  it("gives the median, the median absolute deviation, and every sample", async () => {
    const times = [9, 1, 2, 3, 4, 5, 6, 7, 8, 100].map((microseconds) => microseconds * 1000);
    const { callNs } = fakeCall(times);
    const { samplesNs, medianNs, madNs } = await sampleCall(callNs, { ...plan, warmups: 0, minSamples: 10 }, never);
    // The probe took the first of the ten times: samples are the other nine, then the first again.
    expect(samplesNs.map(Math.round).toSorted((a, b) => a - b)).toEqual(times.toSorted((a, b) => a - b));
    expect(medianNs).toBeCloseTo(5500, 3);
    expect(madNs).toBeCloseTo(2500, 3);
  });

  it("has a 99th percentile from 100 samples on", async () => {
    const { callNs } = fakeCall([1000]);
    expect((await sampleCall(callNs, { ...plan, minSamples: 99 }, never)).p99Ns).toBeUndefined();
    expect((await sampleCall(callNs, { ...plan, minSamples: 100 }, never)).p99Ns).toBeCloseTo(1000, 6);
  });

  it.each([1, 2, 5, 9])("throws what call %i throws", async (failing) => {
    let calls = 0;
    const callNs = async (): Promise<number> => {
      if (++calls === failing) throw new Error("trapped");
      return 1000;
    };
    await expect(sampleCall(callNs, plan, never)).rejects.toThrow("trapped");
  });

  it("keeps what was sampled where it is aborted half-way", async () => {
    const controller = new AbortController();
    let calls = 0;
    const callNs = async (): Promise<number> => {
      if (++calls === 1 + 3 + 6) controller.abort();
      return 1000;
    };
    const { samplesNs } = await sampleCall(callNs, plan, controller.signal);
    expect(samplesNs.length).toBeGreaterThanOrEqual(5);
    expect(samplesNs.length).toBeLessThan(10);
  });

  it("throws where it is aborted before the first sample", async () => {
    const controller = new AbortController();
    const callNs = async (): Promise<number> => {
      controller.abort();
      return 1000;
    };
    await expect(sampleCall(callNs, plan, controller.signal)).rejects.toThrow(/interrupted|abort/i);
  });

  it("throws, and gives no time, where the call is cut off by the abort", async () => {
    const controller = new AbortController();
    let calls = 0;
    const callNs = async (): Promise<number> => {
      if (++calls < 3) return 1000;
      controller.abort();
      throw new DOMException("aborted", "AbortError");
    };
    await expect(sampleCall(callNs, plan, controller.signal)).rejects.toThrow(/abort|interrupted/i);
  });
});
