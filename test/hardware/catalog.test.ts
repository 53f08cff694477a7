import { describe, expect, it } from "vitest";
import { acceleratorNames, loadAccelerator } from "../../src/hardware/catalog.ts";

describe("accelerators", () => {
  // Step-3 report, Table 4: USD per card and hour, BF16, FP8 (where there is one), bytes per second.
  it.each([
    ["h800", 2.0, 9.89e14, 1.98e15, 3.35e12],
    ["h20", 0.8, 1.48e14, 2.96e14, 4.0e12],
    ["a800", 0.75, 3.12e14, undefined, 2.0e12],
    ["910b", 0.67, 2.8e14, undefined, 1.6e12],
  ])("%s is Table 4's", (name, usdPerHour, bf16, fp8, memoryBytesPerSecond) => {
    const accelerator = loadAccelerator(name.toUpperCase());
    expect(accelerator).toMatchObject({ name, usdPerHour, memoryBytesPerSecond });
    expect([accelerator.peakBf16FlopsPerSecond, accelerator.peakFp8FlopsPerSecond]).toEqual([bf16, fp8]);
    expect(Object.values(accelerator.figureSources).every((source) => source !== "")).toBe(true);
  });

  it("lists them and suggests the nearest", () => {
    expect(acceleratorNames()).toEqual(["h800", "h20", "a800", "910b"]);
    expect(() => loadAccelerator("h80")).toThrow(
      /^accelerator: expected one of h800, h20, a800, 910b, got "h80"; did you mean "h800"/,
    );
  });
});
