import { roundHalfEven } from "./linear.ts";

/** Value of an FP8 E4M3 code: sign, 4 exponent bits of bias 7, 3 mantissa bits; 0x7f and 0xff are NaN. */
export function fp8Value(code: number): number {
  const sign = code >= 128 ? -1 : 1;
  const magnitude = code % 128;
  if (magnitude === 127) return Number.NaN;
  const exponent = Math.floor(magnitude / 8);
  const mantissa = magnitude % 8;
  return sign * (exponent === 0 ? mantissa * 2 ** -9 : (1 + mantissa / 8) * 2 ** (exponent - 7));
}

const fp8Magnitudes = Float64Array.from({ length: 127 }, (_, code) => fp8Value(code));

/** The nearest FP8 E4M3 code, of two equally near the even one; magnitudes above 448 become 448. */
export function fp8Code(x: number): number {
  const sign = x < 0 || Object.is(x, -0) ? 128 : 0;
  if (Number.isNaN(x)) return 127;
  const magnitude = Math.min(448, Math.abs(x));
  let code = fp8Magnitudes.findLastIndex((value) => value <= magnitude);
  if (code < 126) {
    const below = magnitude - (fp8Magnitudes[code] as number);
    const above = (fp8Magnitudes[code + 1] as number) - magnitude;
    if (above < below || (above === below && code % 2 === 1)) code++;
  }
  return sign + code;
}

/** The nearest BF16 of a float32, of two equally near the even one, as its 16 bits. */
export function bf16Code(x: number): number {
  const bits = bitsOf(x);
  const upper = Math.floor(bits / 65536);
  if (Number.isNaN(x)) return upper | 0x40;
  const rest = bits % 65536;
  return upper + (rest > 32768 || (rest === 32768 && upper % 2 === 1) ? 1 : 0);
}

/** The float32 that 16 bits of BF16 stand for. */
export function bf16Value(code: number): number {
  return new Float32Array(Uint32Array.of(code * 65536).buffer)[0] as number;
}

/** A float32 row as int8 and its scale. */
export function int8Row(x: Float64Array): { readonly codes: Int8Array; readonly scale: number } {
  const { units, scale } = inSteps(x, 127);
  return { codes: Int8Array.from(units, roundHalfEven), scale };
}

/** A block of float32 as FP8 and its scale. */
export function fp8Block(x: Float64Array): { readonly codes: Uint8Array; readonly scale: number } {
  const { units, scale } = inSteps(x, 448);
  return { codes: Uint8Array.from(units, fp8Code), scale };
}

/** Values in whole steps of their largest magnitude / `steps`, and that step, with the float32 roundings of the kernels. */
function inSteps(x: Float64Array, steps: number): { readonly units: Float64Array; readonly scale: number } {
  const largest = x.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  const unitsPerValue = Math.fround(steps / largest);
  const factor = unitsPerValue < Number.POSITIVE_INFINITY ? unitsPerValue : 0;
  return { units: x.map((value) => Math.fround(value * factor)), scale: Math.fround(largest / steps) };
}

function bitsOf(x: number): number {
  return new Uint32Array(Float32Array.of(x).buffer)[0] as number;
}
