import { describe, expect, it } from "vitest";
import { complaintAboutEngine, flagsSetHere, settleVectorBits } from "../../src/host/vectorWidth.ts";
import { InfeasibleError } from "../../src/units/errors.ts";

describe("revectorization", () => {
  it.each([
    ["22.13.0", "x64", "needs Node 24 or newer, this is Node 22.13.0"],
    ["26.10.0", "arm64", "needs an x64 processor with AVX2, this is arm64"],
  ])("is refused on Node %s for %s in a sentence", (version, architecture, sentence) => {
    expect(complaintAboutEngine(version, architecture)).toContain(sentence);
  });

  it.each(["24.0.0", "26.10.0"])("is taken on Node %s for x64", (version) => {
    expect(complaintAboutEngine(version, "x64")).toBeUndefined();
  });

  it("comes too late once kernels of 128 bits may have been compiled", () => {
    expect(settleVectorBits(128)).toBe(128);
    expect(() => settleVectorBits(256)).toThrow(InfeasibleError);
    expect(settleVectorBits(128)).toBe(128);
    expect(flagsSetHere()).toEqual([]);
  });
});
