import { describe, expect, it } from "vitest";
import { dotIsRight } from "../../src/kernels/dotProbe.ts";
import type { KernelExports } from "../../src/kernels/exports.ts";
import { targets } from "../../src/kernels/target.ts";
import { kernelsHere } from "../../src/runs/kernelsHere.ts";
import { InfeasibleError } from "../../src/units/errors.ts";
import { machineOf } from "./machine.ts";

describe("the probe of the int8 dot", () => {
  it.each(targets)("finds target %s right", (target) => {
    const { exports, memory } = machineOf(target);
    expect(dotIsRight(exports, memory)).toBe(true);
  });

  it.each([
    ["takes weights as unsigned", (weight: number, activation: number) => (weight & 255) * activation],
    [
      "takes activations above 63 as negative",
      (weight: number, activation: number) => weight * (activation - (activation & 64) * 2),
    ],
    ["saturates a product", (weight: number, activation: number) => Math.max(-16255, weight * activation)],
  ])("finds an engine out that %s", (_, product) => {
    const { memory } = machineOf("simd");
    expect(dotIsRight(tilesWith(memory, product), memory)).toBe(false);
    expect(
      dotIsRight(
        tilesWith(memory, (weight, activation) => weight * activation),
        memory,
      ),
    ).toBe(true);
  });

  it("falls back to simd with a notice, but refuses a target that was asked for", async () => {
    const { target, kernels, notices } = await kernelsHere(undefined, () => false);
    expect(target).toBe("simd");
    expect(kernels.tiles.int8Dot).toBe("fused");
    expect(notices).toEqual([expect.stringContaining("wrong sums")]);
    await expect(kernelsHere("relaxed", () => false)).rejects.toThrow(InfeasibleError);
    expect((await kernelsHere("simd", () => false)).notices).toEqual([]);
  });
});

/** Tiles in JavaScript with a product of one's own. */
function tilesWith(memory: WebAssembly.Memory, product: (weight: number, activation: number) => number): KernelExports {
  const tile = (rows: number) => (a: number, b: number, _panel: number, c: number, stride: number, steps: number) => {
    const view = new DataView(memory.buffer);
    for (let row = 0; row < rows; row++) {
      for (let column = 0; column < 8; column++) {
        let sum = 0;
        for (let step = 0; step < steps; step++) {
          for (let place = 0; place < 4; place++) {
            const weight = view.getInt8(b + (step * 8 + column) * 4 + place);
            sum += product(weight, view.getUint8(a + (step * rows + row) * 4 + place));
          }
        }
        view.setInt32(c + row * stride + column * 4, sum, true);
      }
    }
  };
  const [one, six] = [tile(1), tile(6)];
  return {
    tileInt8FusedRows1Columns8: one,
    tileInt8InPairsRows1Columns8: one,
    tileInt8FusedRows6Columns8: six,
    tileInt8InPairsRows6Columns8: six,
  };
}
