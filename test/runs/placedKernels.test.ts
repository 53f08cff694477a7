import { describe, expect, it } from "vitest";
import type { KernelRow } from "../../src/record/benchRows.ts";
import type { RoofRow } from "../../src/record/rooflineRows.ts";
import { placedRows } from "../../src/runs/placedKernels.ts";
import { fixture } from "../report/fixture.ts";
import { rooflineFixture } from "../report/rooflineFixture.ts";

const roofs = rooflineFixture.rows.filter((row): row is RoofRow => row.row === "roof");
const [core] = fixture.rows as [KernelRow];

/** Where a kernel stands that differs from the fixture's core by these keys. */
function placed(changes: Partial<KernelRow>) {
  const row: KernelRow = { ...core, level: "DRAM", ...changes };
  return placedRows({ ...fixture, rows: [row] }, roofs)[0];
}

describe("placedRows", () => {
  it("takes the lower of the peak and intensity times bandwidth of its level, threads and target", () => {
    expect(placed({})).toMatchObject({ roofFlopsPerSecond: 117e9, roofFraction: 142.9 / 117, bound: "compute" });
    const low = placed({ measuredFlopsPerByte: 2, dtype: "f32" });
    expect(low).toMatchObject({ roofFlopsPerSecond: 2 * 23e9, bound: "memory" });
    expect(placed({ measuredFlopsPerByte: 2, dtype: "f32", level: "L2", threads: 2 })).toMatchObject({
      roofFlopsPerSecond: 116e9,
    });
    expect(placed({ target: "simd" })).toMatchObject({ roofFlopsPerSecond: 27.8e9 });
  });

  it.each<[string, Partial<KernelRow>]>([
    ["threads that no roof has", { threads: 3 }],
    ["a target that no roof has", { target: "debug" }],
    ["fused vectors", { revectorized: true }],
    ["a roof that is unstable", { threads: 2 }],
  ])("gives no share of a roof to a row with %s", (_, changes) => {
    const row = placed(changes);
    expect(row).toMatchObject({ flopsPerSecond: core.flopsPerSecond, measuredFlopsPerByte: 126.03 });
    for (const key of ["roofFlopsPerSecond", "roofFraction", "bound"]) expect(row).not.toHaveProperty(key);
  });

  it("leaves out rows without a rate or an intensity, and no others", () => {
    const { flopsPerSecond: _, ...untimed } = core;
    expect(placedRows({ ...fixture, rows: [untimed, { ...core, status: "unstable" }] }, roofs)).toMatchObject([
      { kernel: "attention.core", status: "unstable" },
    ]);
  });
});
