import type { AcceleratorRoofRow, PlacedRow, RoofRow } from "../../src/record/rooflineRows.ts";
import type { RooflineDocument } from "../../src/record/schemas.ts";
import { fixture } from "./fixture.ts";

const MEASURED_AT = "2026-01-01T00:00:00.000Z";

/** Rates in GFLOP/s or GB/s. */
function roof(threads: number, rate: number, changes: Partial<RoofRow>): RoofRow {
  const perSecond = rate * 1e9;
  return {
    row: "roof",
    kind: "measured",
    kernel: changes.level === undefined ? "roof.multiplyAdd" : "roof.read",
    target: "relaxed",
    threads,
    status: "ok",
    ...(changes.level === undefined ? { flopsPerSecond: perSecond } : { bytesPerSecond: perSecond }),
    spread: 0.012,
    passes: 6,
    samples: 120,
    form: changes.level === undefined ? "tile=6x8" : `level=${changes.level}`,
    measuredAt: MEASURED_AT,
    cached: true,
    ...changes,
  };
}

/** Rates of a host by threads: f32 and int8 in relaxed, then in simd; L1, L2, L3, DRAM. */
const RATES = [
  [1, [58.3, 117, 51, 27.8], [116, 108, 99.2, 23]],
  [2, [116, 231, 101, 54.9], [231, 214, 188, 33.7]],
] as const;

const roofs = RATES.flatMap(([threads, [f32, int8, f32Simd, int8Simd], [l1, l2, l3, dram]]): RoofRow[] => [
  roof(threads, f32, { dtype: "f32", clockHz: 3.69e9 }),
  roof(threads, int8, { dtype: "int8", kernel: "roof.int8Dot", form: "tile=5x8 in pairs" }),
  roof(threads, f32Simd, { dtype: "f32", target: "simd", form: "tile=5x8" }),
  roof(threads, int8Simd, { dtype: "int8", target: "simd", kernel: "roof.int8Dot" }),
  roof(threads, l1, { level: "L1", workingSetBytes: 2 ** 14 }),
  roof(threads, l2, { level: "L2", workingSetBytes: 2 ** 19 }),
  roof(threads, l3, { level: "L3", workingSetBytes: 2 ** 23 }),
  threads === 1
    ? roof(threads, dram, { level: "DRAM", workingSetBytes: 2 ** 27 })
    : roof(threads, dram, {
        level: "DRAM",
        workingSetBytes: 2 ** 27,
        status: "unstable",
        statusReason: "the three best passes lie 48% apart, more than 10%: the machine was disturbed",
        spread: 0.48,
        passes: 30,
        cached: false,
      }),
]);

function kernel(name: string, dtype: "f32" | "int8", modeled: number, measured: number, rate: number): PlacedRow {
  return {
    row: "kernel",
    kind: "measured",
    kernel: name,
    shape: name.startsWith("attention") ? "batch=16 kvTokens=8192" : "m=16 n=5120 k=7168",
    dtype,
    model: "step3",
    target: "relaxed",
    threads: 1,
    status: "ok",
    flopsPerSecond: rate * 1e9,
    measuredFlopsPerByte: measured,
    modeledFlopsPerByte: modeled,
    level: "DRAM",
    roofFlopsPerSecond: (dtype === "f32" ? 58.3 : 117) * 1e9,
    roofFraction: rate / (dtype === "f32" ? 58.3 : 117),
    bound: "compute",
    measuredAt: MEASURED_AT,
  };
}

const kernels: readonly PlacedRow[] = [
  kernel("attention.core", "f32", 32, 32, 46.1),
  kernel("attention.core", "int8", 128, 126, 85.8),
  kernel("attention.layer", "f32", 14.81, 14.79, 47.6),
  kernel("attention.layer", "int8", 59.25, 58.79, 95.1),
  kernel("moe.router", "f32", 128, 128, 38.2),
  kernel("moe.expertMatmul", "f32", 8, 8, 44.8),
  { ...kernel("moe.expertMatmul", "int8", 8, 7.2, 12.4), shape: "m=4 n=5120 k=7168", status: "unstable" },
  kernel("moe.expertMatmul", "int8", 32, 31.96, 98.4),
  kernel("moe.layer", "f32", 10.46, 10.46, 42.9),
  kernel("moe.layer", "int8", 41.82, 41.4, 101),
];

function accelerator(name: string, peakBf16: number, peak8: number, terabytes: number): AcceleratorRoofRow[] {
  return (["f32", "int8"] as const).map((dtype) => {
    const flopsPerSecond = (dtype === "f32" ? peakBf16 : peak8) * 1e12;
    const bytesPerSecond = terabytes * 1e12;
    const precision = dtype === "int8" && peak8 > peakBf16 ? "fp8" : "bf16";
    return {
      row: "accelerator",
      kind: "published",
      accelerator: name,
      ...{ dtype, precision, flopsPerSecond, bytesPerSecond },
      ridgeFlopsPerByte: flopsPerSecond / bytesPerSecond,
    };
  });
}

const accelerators = [
  accelerator("h800", 989, 1979, 3.35),
  accelerator("h20", 148, 296, 4),
  accelerator("910b", 280, 280, 1.6),
];

/** A roofline whose numbers are of one run each, on a host with neighbours; for looking at layout. */
export const rooflineFixture: RooflineDocument = {
  schema: "afdbench/1",
  command: "roofline",
  environment: fixture.environment,
  rows: [...roofs, ...kernels, ...accelerators.flat()],
  notes: ["The numbers of this document were put together by hand."],
};

/** The same with rows of these shapes alone. */
export function rooflineOf(...shapes: readonly RooflineDocument["rows"][number]["row"][]): RooflineDocument {
  return { ...rooflineFixture, rows: rooflineFixture.rows.filter(({ row }) => shapes.includes(row)) };
}
