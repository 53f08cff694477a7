import { describe, expect, it } from "vitest";
import { kvFormats } from "../../src/kernels/kvFormat.ts";
import { targets } from "../../src/kernels/target.ts";
import { firstFreeAddress, machineOf } from "../kernels/machine.ts";

const headDim = 8;
const blockTokens = 256;
const vectorBytes = headDim * blockTokens;
const blockBytes = 2 * vectorBytes + 8 * blockTokens;
const int8Code = kvFormats.int8.code;
/** Rows whose largest value is too small for steps / largest to be a float32, down to the least denormal. */
const tiny = [1.8e-37, 1e-38, 1.1754943508222875e-38, 1e-40, 1e-45].map(Math.fround);
const [source, destination, scales, sums] = [0, 4096, 8192, 12288].map((offset) => firstFreeAddress + offset) as [
  number,
  number,
  number,
  number,
];

/** 20 values of a row: its largest, both signs, zero, and smaller ones; no multiple of a vector. */
function rowOf(largest: number): Float32Array {
  return Float32Array.from(
    { length: 20 },
    (_, index) => [largest, -largest, 0, largest / 3, -largest / 2][index % 5] ?? 0,
  );
}

describe.each(targets)("quantization steps of target %s", (target) => {
  const { memory, call } = machineOf(target);
  const append = (token: number): void => {
    const where = [destination, blockBytes, 0, vectorBytes, 2 * vectorBytes];
    call("appendToken", ...where, token, source, source + headDim * 4, headDim, headDim, int8Code);
  };
  const put = (values: Float32Array): void => new Float32Array(memory.buffer, source, values.length).set(values);

  it.each(tiny)("quantizeRows makes zeros of a row whose largest value is %f", (largest) => {
    put(rowOf(largest));
    call("quantizeRows", source, 80, destination, 20, scales, 1, 0, 1, 20);
    expect([...new Uint8Array(memory.buffer, destination, 20)]).toEqual(Array(20).fill(64));
    expect(new Float32Array(memory.buffer, scales, 1)[0]).toBeLessThan(1e-38);
  });

  it("quantizeRows uses all 63 steps as soon as the quotient is a float32", () => {
    const values = rowOf(Math.fround(1.9e-37));
    put(values);
    call("quantizeRows", source, 80, destination, 20, scales, 1, 0, 1, 20);
    expect([...new Uint8Array(memory.buffer, destination, 5)]).toEqual([127, 1, 64, 85, 64 - 32]);
  });

  it.each(tiny)("packPanelInt8 makes zeros of a column whose largest value is %f", (largest) => {
    put(rowOf(largest));
    call("packPanelInt8", source, 80, 1, 20, destination, scales, sums);
    expect(new Set(new Int8Array(memory.buffer, destination, 160))).toEqual(new Set([0]));
    expect(new Int32Array(memory.buffer, sums, 8)[0]).toBe(0);
  });

  it.each(tiny)("appendToken in int8 makes zeros of a key and a value whose largest is %f", (largest) => {
    put(rowOf(largest).slice(0, 2 * headDim));
    new Int8Array(memory.buffer, destination, 2 * headDim * blockTokens).fill(0);
    append(0);
    expect(new Set(new Int8Array(memory.buffer, destination, 2 * headDim * blockTokens))).toEqual(new Set([0]));
  });

  it.each([1e-36, 1e-38, 1e-40])(
    "the int8 core gives zeros or the mean of V where every value's scale is near %f",
    (size) => {
      const tokens = 5;
      const cache = destination;
      const [q, out, scratch] = [source, source + 1024, firstFreeAddress + 65536];
      new Uint8Array(memory.buffer, cache, 2 * headDim * blockTokens + 8 * blockTokens).fill(0);
      for (let token = 0; token < tokens; token++) {
        put(Float32Array.from({ length: 2 * headDim }, (_, i) => (i < headDim ? 1 : size)));
        append(token);
      }
      new Float32Array(memory.buffer, q, headDim).fill(0);
      const state = scratch - 64;
      const where = [cache, blockBytes, 0, vectorBytes, 2 * vectorBytes, int8Code];
      const dims = [1, headDim, headDim, 0, tokens];
      call("attentionQueriesInt8", q, 32, scratch, 1, headDim, 1);
      call("attentionPartInt8", out, 32, state, 0, scratch, ...where, ...dims);
      call("finishAttention", out, 32, state, 1, headDim);
      for (const value of new Float32Array(memory.buffer, out, headDim)) {
        expect(value).toBeGreaterThanOrEqual(0);
        expect(value).toBeLessThanOrEqual(size * 1.02);
      }
    },
  );
});
