import { expect, it } from "vitest";
import { fillRopeTable } from "../../src/kernels/rope.ts";

it("fillRopeTable makes cosines, then sines, with the magnitude in them", () => {
  const table = new Float32Array(8);
  fillRopeTable(table, 3, { anglePerPosition: Float64Array.of(1, 0.5, 0.25, 0), magnitude: 2 });
  expect([...table].map((value) => value.toFixed(5))).toEqual(
    [Math.cos(3), Math.cos(1.5), Math.cos(0.75), 1, Math.sin(3), Math.sin(1.5), Math.sin(0.75), 0].map((value) =>
      (2 * value).toFixed(5),
    ),
  );
});
