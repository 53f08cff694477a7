import { describe, expect, it } from "vitest";
import { ASSUMED_CACHES, parseLinuxCaches, parseSysctlCaches, readCaches } from "../../src/host/caches.ts";

const KIB = 1024;
const MIB = 1024 * KIB;

const l1Data = { level: "1\n", type: "Data\n", size: "48K\n", ways: "12\n", lineBytes: "64\n" };
const l1Instruction = { level: "1\n", type: "Instruction\n", size: "32K\n", ways: "8\n", lineBytes: "64\n" };
const l2 = { level: "2\n", type: "Unified\n", size: "1024K\n", ways: "16\n", lineBytes: "64\n" };
const l3 = { level: "3\n", type: "Unified\n", size: "32768K\n", ways: "11\n", lineBytes: "64\n" };

describe("parseLinuxCaches", () => {
  it("reads the three data levels, whatever their order", () => {
    const expected = {
      l1d: { sizeBytes: 48 * KIB, ways: 12, lineBytes: 64 },
      l2: { sizeBytes: MIB, ways: 16, lineBytes: 64 },
      l3: { sizeBytes: 32 * MIB, ways: 11, lineBytes: 64 },
      detected: true,
    };
    expect(parseLinuxCaches([l1Data, l1Instruction, l2, l3])).toEqual(expected);
    expect(parseLinuxCaches([l3, l2, l1Instruction, l1Data])).toEqual(expected);
  });

  it("leaves out a last level that is not there", () => {
    expect(parseLinuxCaches([l1Data, l2])).not.toHaveProperty("l3");
  });

  it.each([
    ["0\n", "0\n"],
    [undefined, undefined],
    ["fully", "-1"],
  ])("assumes ways and line size where Linux gives %j and %j", (ways, lineBytes) => {
    const caches = parseLinuxCaches([l1Data, { ...l2, ways, lineBytes }]);
    expect(caches?.l2).toEqual({ sizeBytes: MIB, ways: 8, lineBytes: 64 });
  });

  it.each([
    [[]],
    [[l1Instruction, l2]],
    [[l1Data]],
    [[l1Data, { ...l2, size: undefined }]],
    [[l1Data, { ...l2, size: "much" }]],
  ])("gives nothing where a needed level is missing", (indexes) => {
    expect(parseLinuxCaches(indexes)).toBeUndefined();
  });
});

describe("parseSysctlCaches", () => {
  it("prefers performance cores", () => {
    const text = [
      "hw.ncpu: 10",
      "hw.cachelinesize: 128",
      "hw.l1dcachesize: 65536",
      "hw.l2cachesize: 4194304",
      "hw.perflevel0.l1dcachesize: 131072",
      "hw.perflevel0.l2cachesize: 12582912",
    ].join("\n");
    expect(parseSysctlCaches(text)).toEqual({
      l1d: { sizeBytes: 128 * KIB, ways: 8, lineBytes: 128 },
      l2: { sizeBytes: 12 * MIB, ways: 8, lineBytes: 128 },
      detected: true,
    });
  });

  it("reads an Intel Mac with its last level", () => {
    const text = "hw.cachelinesize: 64\nhw.l1dcachesize: 32768\nhw.l2cachesize: 262144\nhw.l3cachesize: 12582912\n";
    expect(parseSysctlCaches(text)?.l3).toEqual({ sizeBytes: 12 * MIB, ways: 16, lineBytes: 64 });
  });

  it("gives nothing for no text", () => {
    expect(parseSysctlCaches("")).toBeUndefined();
  });
});

describe("readCaches", () => {
  it("gives caches that grow from level to level, on any host", () => {
    const { l1d, l2: second, l3: last } = readCaches();
    expect(l1d.sizeBytes).toBeGreaterThan(0);
    expect(second.sizeBytes).toBeGreaterThanOrEqual(l1d.sizeBytes);
    if (last !== undefined) expect(last.sizeBytes).toBeGreaterThanOrEqual(second.sizeBytes);
    expect(Math.log2(second.lineBytes) % 1).toBe(0);
  });

  it("says that assumed caches are assumed", () => {
    expect(ASSUMED_CACHES.detected).toBe(false);
  });
});
