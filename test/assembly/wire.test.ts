import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { bf16Code, bf16Value, fp8Block, fp8Code, fp8Value, int8Row } from "../../src/kernels/reference/wire.ts";
import { targets } from "../../src/kernels/target.ts";
import { firstFreeAddress, machineOf } from "../kernels/machine.ts";

const source = firstFreeAddress;
const message = source + 65536 * 8;
const scales = message + 65536 * 4;
const back = scales + 4096;

/** Every float32 that something changes at: zeros, denormals, ties, ends, Infinity, NaN; each with both signs. */
const special = [
  0,
  2 ** -149,
  2 ** -127,
  2 ** -126,
  2 ** -10,
  2 ** -9,
  2 ** -6,
  0.0146484375,
  0.015625,
  1,
  432,
  448,
  464,
]
  .concat([465, 1e9, 3.4028234663852886e38, Number.POSITIVE_INFINITY, Number.NaN])
  .flatMap((value) => [value, -value]);

describe.each(targets)("messages of target %s", (target) => {
  const { memory, call } = machineOf(target);
  const put = (values: ArrayLike<number>): void => new Float32Array(memory.buffer, source, values.length).set(values);

  /** FP8 codes of values as they are: a block of one 448 beside each makes the scale 1. */
  function fp8CodesOf(values: readonly number[]): number[] {
    put(values.flatMap((value) => [value, 448]));
    call("quantizeFp8Rows", source, 0, message, 0, scales, 0, 1, values.length * 2, 2);
    return [...new Uint8Array(memory.buffer, message, values.length * 2)].filter((_, index) => index % 2 === 0);
  }

  it("decodes all 256 FP8 codes exactly", () => {
    new Uint8Array(memory.buffer, message, 256).set(Array.from({ length: 256 }, (_, code) => code));
    new Float32Array(memory.buffer, scales, 1)[0] = 1;
    call("dequantizeFp8Rows", message, 0, scales, back, 0, 0, 1, 256, 256);
    for (const [code, value] of new Float32Array(memory.buffer, back, 256).entries())
      expect(value, `code ${code}`).toBe(fp8Value(code));
  });

  it("encodes every FP8 value as its own code, and the middle of two as the even one", () => {
    const codes = Array.from({ length: 127 }, (_, code) => code);
    expect(fp8CodesOf(codes.map(fp8Value))).toEqual(codes);
    expect(fp8CodesOf(codes.map((code) => -fp8Value(code)))).toEqual(codes.map((code) => code + 128));
    const middles = codes.slice(0, 126).map((code) => (fp8Value(code) + fp8Value(code + 1)) / 2);
    expect(fp8CodesOf(middles)).toEqual(codes.slice(0, 126).map((code) => code + (code % 2)));
    const near = middles.map((middle) => Math.fround(middle * (1 + 2 ** -22)));
    expect(fp8CodesOf(near)).toEqual(codes.slice(0, 126).map((code) => code + 1));
  });

  it("encodes any float32 up to 448 as the nearest FP8", () => {
    fc.assert(
      fc.property(
        fc.array(fc.float({ min: -448, max: 448, noNaN: true }), { minLength: 1, maxLength: 50 }),
        (values) => {
          expect(fp8CodesOf(values)).toEqual(values.map(fp8Code));
        },
      ),
    );
  });

  it("scales FP8 blocks and rows so that nothing saturates, whatever the width", () => {
    const rows = fc.record({
      values: fc.array(fc.float({ noNaN: true, noDefaultInfinity: true }), { minLength: 1, maxLength: 300 }),
      block: fc.constantFrom(1, 3, 16, 100, 128, 300),
    });
    fc.assert(
      fc.property(rows, ({ values, block }) => {
        put(values);
        call("quantizeFp8Rows", source, 0, message, 0, scales, 0, 1, values.length, block);
        call("dequantizeFp8Rows", message, 0, scales, back, 0, 0, 1, values.length, block);
        for (let first = 0; first < values.length; first += block) {
          const part = Float64Array.from(values.slice(first, first + block));
          const expected = fp8Block(part);
          expect(new Uint8Array(memory.buffer, message + first, part.length)).toEqual(expected.codes);
          expect(new Float32Array(memory.buffer, scales + (first / block) * 4, 1)[0]).toBe(expected.scale);
          const largest = part.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
          for (const [i, value] of new Float32Array(memory.buffer, back + first * 4, part.length).entries()) {
            // Half a step of 3 mantissa bits, or of the denormals' 2^-9; a block whose units are no float32 is zeros.
            const step = Math.max(Math.abs(part[i] as number) / 16, (largest / 448) * 2 ** -10);
            const lost = largest < 1.4e-36 ? largest : 0;
            expect(Math.abs(value - (part[i] as number))).toBeLessThanOrEqual(step * 1.001 + lost);
          }
        }
      }),
      { numRuns: 60 },
    );
  });

  it("gives a block with NaN or Infinity back as NaN, and its neighbours as they are", () => {
    for (const bad of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]) {
      put([1, bad, 0, 3, 4, 5]);
      call("quantizeFp8Rows", source, 0, message, 0, scales, 0, 1, 6, 3);
      call("dequantizeFp8Rows", message, 0, scales, back, 0, 0, 1, 6, 3);
      const values = [...new Float32Array(memory.buffer, back, 6)];
      expect(values.map(Number.isNaN)).toEqual([true, true, true, false, false, false]);
      call("quantizeInt8Rows", source, 12, message, 16, scales, 0, 2, 3);
      call("dequantizeInt8Rows", message, 16, scales, back, 12, 0, 2, 3);
      const rows = [...new Float32Array(memory.buffer, back, 6)];
      expect(rows.map(Number.isNaN)).toEqual([true, true, true, false, false, false]);
    }
  });

  it("rounds int8 rows as the reference does, whatever the width", () => {
    fc.assert(
      fc.property(fc.array(fc.float({ noNaN: true, noDefaultInfinity: true }), { maxLength: 70 }), (values) => {
        put(values);
        call("quantizeInt8Rows", source, 0, message, 0, scales, 0, 1, values.length);
        const { codes, scale } = int8Row(Float64Array.from(values));
        expect(new Int8Array(memory.buffer, message, values.length)).toEqual(codes);
        expect(new Float32Array(memory.buffer, scales, 1)[0]).toBe(scale);
      }),
    );
  });

  it("rounds float32 to the nearest BF16 and back, ties to even; NaN stays NaN, Infinity Infinity", () => {
    fc.assert(
      fc.property(fc.array(fc.oneof(fc.float(), fc.constantFrom(...special)), { maxLength: 40 }), (values) => {
        put(values);
        call("quantizeBf16Rows", source, 0, message, 0, 0, 1, values.length);
        const codes = [...new Uint16Array(memory.buffer, message, values.length)];
        call("dequantizeBf16Rows", message, 0, back, 0, 0, 1, values.length);
        for (const [i, value] of new Float32Array(memory.buffer, back, values.length).entries()) {
          const x = Math.fround(values[i] as number);
          if (Number.isNaN(x)) expect(value).toBeNaN();
          else expect({ x, code: codes[i], value }).toEqual({ x, code: bf16Code(x), value: bf16Value(bf16Code(x)) });
        }
      }),
    );
  });

  it("keeps a NaN whose upper bits are those of Infinity", () => {
    new Uint32Array(memory.buffer, source, 2).set([0x7f800001, 0xff80ffff]);
    call("quantizeBf16Rows", source, 0, message, 0, 0, 1, 2);
    expect([...new Uint16Array(memory.buffer, message, 2)]).toEqual([0x7fc0, 0xffc0]);
  });

  it("encodes the values at which the format changes", () => {
    const values = special.filter((value) => Math.abs(value) <= 448);
    expect(fp8CodesOf(values)).toEqual(values.map((value) => fp8Code(Math.fround(value))));
  });
});
