import { describe, expect, it } from "vitest";
import { targets } from "../../src/kernels/target.ts";
import { firstFreeAddress, type Machine, machineOf } from "../kernels/machine.ts";

/**
 * e^x of float32 x at or below 0, through softmaxScores over 0 and x: the second probability over the first, which adds two roundings
 * where 1 + e^x is not 1.
 */
function exponentials(machine: Machine, x: readonly number[]): Float32Array {
  const scores = firstFreeAddress + x.length * 16;
  const logits = new Float32Array(machine.memory.buffer, firstFreeAddress, x.length * 4);
  for (const [row, value] of x.entries()) logits.set([0, value], row * 4);
  machine.call("softmaxScores", firstFreeAddress, 16, scores, 16, 0, x.length, 2);
  const both = new Float32Array(machine.memory.buffer, scores, x.length * 4);
  return Float32Array.from(x, (_, row) => (both[row * 4 + 1] as number) / (both[row * 4] as number));
}

describe.each(targets)("exp of target %s", (target) => {
  const machine = machineOf(target);

  it("is within 2^-22 of e^x from -87 to 0", () => {
    const x = Array.from({ length: 20_000 }, (_, index) => Math.fround((-87 * index) / 20_000));
    for (const [index, value] of exponentials(machine, x).entries()) {
      const exact = Math.exp(x[index] as number);
      // Below -17 the sum of both is 1, and the quotient exact.
      const ofQuotient = (x[index] as number) < -17 ? 0 : 2 ** -23;
      expect(Math.abs(value - exact) / exact).toBeLessThan(2 ** -22 + ofQuotient);
    }
  });

  it("is 1 at 0 and 0 far below, down to -Infinity", () => {
    expect([...exponentials(machine, [0, -0, -1e-45])]).toEqual([1, 1, 1]);
    expect([...exponentials(machine, [-105, -1e4, -3e38, Number.NEGATIVE_INFINITY])]).toEqual([0, 0, 0, 0]);
  });

  it("is denormal below -87.3, within 2^-150 beside the relative error, and 0 from -104 on", () => {
    const x = Array.from({ length: 4000 }, (_, index) => Math.fround(-87.4 - (16.6 * index) / 4000));
    const values = [...exponentials(machine, x)];
    for (const [index, value] of values.entries()) {
      const exact = Math.exp(x[index] as number);
      expect(Math.abs(value - exact)).toBeLessThanOrEqual(2 ** -150 + exact * 2 ** -22);
    }
    expect(exponentials(machine, [-103.2])[0]).toBe(2 ** -149);
    expect(exponentials(machine, [-88])[0]).toBeGreaterThan(0);
    expect(exponentials(machine, [-104])[0]).toBe(0);
  });

  it("rises with x, also through the denormals", () => {
    const values = exponentials(
      machine,
      Array.from({ length: 4000 }, (_, index) => -106 + index / 200),
    );
    for (let i = 1; i < values.length; i++) expect(values[i]).toBeGreaterThanOrEqual(values[i - 1] as number);
  });

  it("grows past the largest float32 to Infinity: SwiGLU of a far negative gate is 0, of a far positive one the gate", () => {
    const [source, out, rowCount] = [firstFreeAddress, firstFreeAddress + 256, firstFreeAddress + 512];
    const gates = [-1e4, -100, -89, -88, 88, 100, 1e4, 0];
    new Float32Array(machine.memory.buffer, source, 16).set([...gates, ...Array<number>(8).fill(1)]);
    new Int32Array(machine.memory.buffer, rowCount, 1)[0] = 1;
    machine.call("swigluRows", source, 64, out, 32, rowCount, 0, 1, 8);
    const silu = [...new Float32Array(machine.memory.buffer, out, 8)];
    expect(silu.slice(4)).toEqual([88, 100, 1e4, 0]);
    for (const value of silu.slice(0, 4)) expect(Math.abs(value)).toBeLessThan(1e-30);
  });
});
