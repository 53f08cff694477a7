import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { printsAs, rounded, summed, toleranceOf, truncated } from "../../src/paper/printed.ts";

describe("rounded and truncated", () => {
  it.each([
    ["0.054", 0.054, 0.001],
    ["3.27e10", 3.27e10, 1e8],
    ["5.80e10", 5.8e10, 1e8],
    ["2.80e-19", 2.8e-19, 1e-21],
    ["591", 591, 1],
    ["16.6 ms", 16.6e6, 1e5],
    ["272 µs", 272e3, 1e3],
    ["7.1 GB", 7.1e9, 1e8],
    ["328 K", 328e3, 1e3],
    ["38 billion", 38e9, 1e9],
  ])("%s is %d, its last digit %d", (text, value, lastDigit) => {
    expect(rounded(text)).toMatchObject({ text, value, lastDigit });
    expect(toleranceOf(rounded(text))).toBe(lastDigit / 2);
    expect(toleranceOf(truncated(text))).toBe(lastDigit);
  });

  it.each(["", "x", "1.", "1 s", "-1", "1e", "1,000"])("refuses %j", (text) => {
    expect(() => rounded(text)).toThrow("no printed number");
  });
});

describe("printsAs", () => {
  it("allows half of the last digit by rounding, one for a sum, one upwards by truncation", () => {
    expect(printsAs(rounded("0.078"), 0.0785)).toBe(true);
    expect(printsAs(rounded("0.078"), 0.07851)).toBe(false);
    expect(printsAs(rounded("0.078"), 0.07749)).toBe(false);
    expect(printsAs(summed("0.078"), 0.0789)).toBe(true);
    expect(printsAs(summed("0.078"), 0.0769)).toBe(false);
    expect(printsAs(truncated("16.6 ms"), 50e6 / 3)).toBe(true);
    expect(printsAs(truncated("16.6 ms"), 16.7e6)).toBe(false);
    expect(printsAs(truncated("16.6 ms"), 16.59e6)).toBe(false);
  });

  it("takes every number as what it is printed as", () => {
    const numbers = fc.double({ min: 1e-20, max: 1e20, noNaN: true });
    fc.assert(
      fc.property(numbers, fc.integer({ min: 0, max: 6 }), (value, decimals) => {
        expect(printsAs(rounded(value.toExponential(decimals).replace("e+", "e")), value)).toBe(true);
      }),
    );
  });
});
