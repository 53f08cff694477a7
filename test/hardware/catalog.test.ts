import { describe, expect, it } from "vitest";
import { FIGURE_NAMES } from "../../src/hardware/accelerator.ts";
import { acceleratorNames, loadAccelerator, reportAcceleratorNames } from "../../src/hardware/catalog.ts";

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
  });

  // Data sheets: dense teraflops in BF16, FP8, INT8, FP4; gigabytes a second; gigabytes. A sheet's rates with sparsity are halved.
  it.each([
    ["a40", 149.7, undefined, 299.3, undefined, 696, 48],
    ["a100", 312, undefined, 624, undefined, 2039, 80],
    ["l4", 242 / 2, 485 / 2, 485 / 2, undefined, 300, 24],
    ["l20", 119.5, 239, 239, undefined, 864, 48],
    ["rtx-4090", 165.2, 330.3, 660.6, undefined, 1008, 24],
    ["h100", 989.4, 1978.9, 1978.9, undefined, 3350, 80],
    ["h200", 1979 / 2, 3958 / 2, 3958 / 2, undefined, 4800, 141],
    ["b200", 4500 / 2, 9000 / 2, 9000 / 2, 18000 / 2, 7700, 180],
    ["gb200", 5000 / 2, 10000 / 2, 10000 / 2, 20000 / 2, 8000, 186],
    ["910b-376", 376, undefined, 752, undefined, 1600, undefined],
    ["mi210", 181, undefined, 181, undefined, 1638.4, 64],
    ["mi300x", 1307.4, 2614.9, 2614.9, undefined, 5300, 192],
    ["tpu-v5e", 197, undefined, 393, undefined, 819, 16],
    ["tpu-v6e", 918, undefined, 1836, undefined, 1638, 32],
  ])("%s is its maker's", (name, bf16, fp8, int8, fp4, bandwidth, memory) => {
    const card = loadAccelerator(name);
    const tera = (value: number | undefined) => (value === undefined ? undefined : Math.round(value / 1e11) / 10);
    const giga = (value: number | undefined) => (value === undefined ? undefined : value / 1e9);
    expect([
      ...[card.peakBf16FlopsPerSecond, card.peakFp8FlopsPerSecond, card.peakInt8FlopsPerSecond].map(tera),
      tera(card.peakFp4FlopsPerSecond),
      giga(card.memoryBytesPerSecond),
      giga(card.memoryBytes),
    ]).toEqual([bf16, fp8, int8, fp4, bandwidth, memory]);
  });

  // White papers, device properties and CANN's platform files: mebibytes of the last cache, cores.
  it.each([
    ["h800", 50, 132],
    ["h20", 60, 78],
    ["a800", 40, 108],
    ["910b", 192, 24],
    ["h100", 50, 132],
    ["h200", 60, 132],
    ["a100", 40, 108],
    ["a40", 6, 84],
    ["l4", 48, 58],
    ["l20", 96, 92],
    ["rtx-4090", 72, 128],
    ["b200", 126.5, 148],
    ["gb200", 126.5, 152],
    ["mi210", 8, 104],
    ["mi300x", 256, 304],
    ["tpu-v5e", undefined, undefined],
  ])("%s has its maker's cache and cores", (name, l2, cores) => {
    const card = loadAccelerator(name);
    expect([card.l2Bytes && card.l2Bytes / 2 ** 20, card.cores]).toEqual([l2, cores]);
  });

  it("have a source for every figure, and no source without one", () => {
    for (const accelerator of acceleratorNames().map(loadAccelerator)) {
      const given = FIGURE_NAMES.filter((figure) => accelerator[figure] !== undefined);
      expect(Object.keys(accelerator.figureSources).sort()).toEqual([...given].sort());
      expect(Object.values(accelerator.figureSources).every((source) => source.length > 10)).toBe(true);
    }
  });

  it("have peaks in proportion: narrower by half, faster by two (or four)", () => {
    for (const accelerator of acceleratorNames().map(loadAccelerator)) {
      const { peakBf16FlopsPerSecond, peakFp8FlopsPerSecond, peakFp4FlopsPerSecond } = accelerator;
      const ratios = [
        (peakFp8FlopsPerSecond ?? 2 * peakBf16FlopsPerSecond) / peakBf16FlopsPerSecond,
        (accelerator.peakInt8FlopsPerSecond ?? 2 * peakBf16FlopsPerSecond) / peakBf16FlopsPerSecond,
        (peakFp4FlopsPerSecond ?? 4 * peakBf16FlopsPerSecond) / (2 * peakBf16FlopsPerSecond),
      ];
      // CDNA 2 multiplies INT8 no faster than BF16.
      const known = accelerator.name === "mi210" ? [1, 2] : [2, 4];
      // 2 for all but the RTX 4090, whose FP8 and INT8 accumulate in other widths.
      for (const ratio of ratios) expect(known).toContain(Math.round(ratio));
    }
  });

  it("lists them, the report's first, and suggests the nearest", () => {
    expect(reportAcceleratorNames()).toEqual(["h800", "h20", "a800", "910b"]);
    expect(acceleratorNames().slice(0, 4)).toEqual(reportAcceleratorNames());
    expect(() => loadAccelerator("h80")).toThrow(
      /^accelerator: expected one of h800, .*, got "h80"; did you mean "h800"/,
    );
    expect(() => loadAccelerator("rtx4090")).toThrow(/did you mean "rtx-4090"/);
    expect(() => loadAccelerator("ascend-910b")).toThrow(/did you mean "910b"/);
  });
});
