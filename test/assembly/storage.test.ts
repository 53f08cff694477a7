import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createArena } from "../../src/kernels/arena.ts";
import { attentionCoreCase } from "../../src/kernels/attentionCore.ts";
import { resolveCore } from "../../src/kernels/attentionShape.ts";
import { allocateKvCache, appendArguments } from "../../src/kernels/kvCache.ts";
import type { KvDtype } from "../../src/kernels/kvFormat.ts";
import { bf16Value, fp8Value } from "../../src/kernels/reference/storedKv.ts";
import { targets } from "../../src/kernels/target.ts";
import { bufferOf, floatsOf, type Machine, machineOf, prepare, runRanks } from "../kernels/machine.ts";

const fp8Codes = Array.from({ length: 256 }, (_, code) => code);
const bf16Codes = Array.from({ length: 65_536 }, (_, code) => code);

/** FP8 E4M3 code of x: of the finite values the nearest, of two as near the one whose mantissa is even; NaN for NaN alone. */
function nearestFp8(x: number): number {
  const sign = Object.is(x, -0) || x < 0 ? 0x80 : 0;
  if (Number.isNaN(x)) return 0x7f;
  let best = 0;
  for (let code = 0; code < 0x7f; code++) {
    const [off, least] = [Math.abs(fp8Value(code) - Math.abs(x)), Math.abs(fp8Value(best) - Math.abs(x))];
    if (off < least || (off === least && (code & 1) === 0)) best = code;
  }
  return sign | (Math.abs(x) > 448 ? 0x7e : best);
}

/** BF16 code of x by its neighbours: truncated, or one step further from zero. */
function nearestBf16(x: number): number {
  const bits = new Uint32Array(Float32Array.of(x).buffer)[0] as number;
  const below = bits >>> 16;
  const [low, high] = [bf16Value(below), bf16Value(below + 1)];
  const next = Number.isFinite(high) ? high : Math.sign(x) * 2 ** 128;
  const [offLow, offHigh] = [Math.abs(x - low), Math.abs(next - x)];
  return offLow < offHigh || (offLow === offHigh && (below & 1) === 0) ? below : below + 1;
}

/** What one head makes of a cache of one token: the token's value, times 1. */
function valuesRead(machine: Machine, kvDtype: "bf16" | "fp8", codes: readonly number[]): Float32Array {
  const headDim = codes.length;
  const kernelCase = attentionCoreCase({
    ...{ batch: 1, kvTokens: 1, queryHeads: 1, kvHeads: 1, headDim, dtype: "f32", kvDtype, seed: 1 },
  });
  prepare(machine, kernelCase);
  const bytes = kvDtype === "fp8" ? 1 : 2;
  const { address } = bufferOf(kernelCase, "kvCache");
  const cache = new DataView(machine.memory.buffer, address);
  for (const [dim, code] of codes.entries()) {
    // V: panels of [256 tokens][8 dims] after as much K.
    const at = (headDim * 256 + (dim >> 3) * 256 * 8 + (dim & 7)) * bytes;
    if (bytes === 1) cache.setUint8(at, code);
    else cache.setUint16(at, code, true);
  }
  floatsOf(machine, kernelCase, "q").fill(0);
  runRanks(machine, kernelCase, 1);
  return floatsOf(machine, kernelCase, "attentionOut").slice(0, headDim);
}

/** Whether a head becomes NaN where the second of its keys holds this code. */
function keyCodeIsNan(machine: Machine, code: number): boolean {
  const kernelCase = attentionCoreCase({
    ...{ batch: 1, kvTokens: 2, queryHeads: 1, kvHeads: 1, headDim: 8, dtype: "f32", kvDtype: "fp8", seed: 1 },
  });
  prepare(machine, kernelCase);
  new Uint8Array(machine.memory.buffer, bufferOf(kernelCase, "kvCache").address)[1] = code;
  runRanks(machine, kernelCase, 1);
  return floatsOf(machine, kernelCase, "attentionOut").slice(0, 8).every(Number.isNaN);
}

/** The bytes that values become when they are appended as a key. */
function stored(machine: Machine, kvDtype: KvDtype, values: readonly number[]): number[] {
  const dims = resolveCore({
    ...{ batch: 1, kvTokens: 1, queryHeads: 1, kvHeads: 1, headDim: values.length, dtype: "f32", kvDtype, seed: 1 },
  });
  const arena = createArena();
  const cache = allocateKvCache(arena, dims.cache);
  const source = arena.allocate("source", "scratch", cache.keyDim * 8);
  const row = new Float32Array(machine.memory.buffer, source.address, cache.keyDim);
  row.fill(0);
  row.set(values);
  machine.call("appendToken", ...appendArguments(cache, 0, 0, 0, source.address, source.address));
  const bytes = kvDtype === "fp8" ? 1 : 2;
  const view = new DataView(machine.memory.buffer, cache.buffer.address);
  return values.map((_, i) => (bytes === 1 ? view.getUint8(i * 8) : view.getUint16(i * 16, true)));
}

describe.each(targets)("stored formats of target %s", (target) => {
  const machine = machineOf(target);

  it("every FP8 code becomes its value, bit by bit; the two NaN stay NaN", () => {
    // 0 x NaN in a sum would spoil its neighbours: each code is a dimension of its own.
    const read = valuesRead(machine, "fp8", fp8Codes);
    for (const code of fp8Codes) {
      const expected = fp8Value(code);
      if (Number.isNaN(expected)) expect(read[code]).toBeNaN();
      else expect(read[code]).toBe(expected === 0 ? 0 : expected);
    }
  });

  it("FP8's NaN in a key spoils the heads that read it, and no other code does", () => {
    expect(fp8Codes.filter((code) => keyCodeIsNan(machine, code))).toEqual([0x7f, 0xff]);
  });

  it("every BF16 code becomes its value, denormals and infinities among them", () => {
    for (let first = 0; first < bf16Codes.length; first += 4096) {
      const read = valuesRead(machine, "bf16", bf16Codes.slice(first, first + 4096));
      const expected = Float32Array.from(bf16Codes.slice(first, first + 4096), (code) => bf16Value(code) + 0);
      expect(read).toEqual(expected);
    }
  });

  it("FP8 takes the nearest value, ties to even, down to the denormals; 448 beyond it, Infinity included; NaN for NaN", () => {
    const finite = fp8Codes.filter((code) => code < 0x7f).map(fp8Value);
    const middles = finite.slice(1).map((value, index) => (value + (finite[index] as number)) / 2);
    const near = middles.flatMap((middle) => [
      middle,
      Math.fround(middle * (1 + 2 ** -23)),
      Math.fround(middle * (1 - 2 ** -23)),
    ]);
    const beyond = [
      448,
      449,
      463.9,
      464,
      465,
      480,
      1e9,
      3.4e38,
      Number.POSITIVE_INFINITY,
      1e-40,
      2 ** -149,
      0,
      Number.NaN,
    ];
    const values = [...finite, ...near, ...beyond].map(Math.fround);
    const both = [...values, ...values.map((value) => -value)];
    const magnitudeOfNan = (code: number): number => ((code & 0x7f) === 0x7f ? 0x7f : code);
    expect(stored(machine, "fp8", both).map(magnitudeOfNan)).toEqual(both.map(nearestFp8));
  });

  it("BF16 takes the nearest value, ties to even, Infinity beyond the largest; NaN for NaN", () => {
    const bitPatterns = fc.array(fc.integer({ min: 0, max: 2 ** 32 - 1 }), { minLength: 1, maxLength: 200 });
    fc.assert(
      fc.property(bitPatterns, (patterns) => {
        const random = [...new Float32Array(Uint32Array.from(patterns).buffer)];
        const ties = [...new Float32Array(Uint32Array.from(patterns, (bits) => (bits & 0xffff0000) | 0x8000).buffer)];
        const values = [...random, ...ties, Number.NaN, Number.POSITIVE_INFINITY, -3.4e38, 3.4028235e38];
        const codes = stored(machine, "bf16", values);
        for (const [index, value] of values.entries()) {
          if (Number.isNaN(value)) expect(bf16Value(codes[index] as number)).toBeNaN();
          else if (Number.isFinite(value)) expect(codes[index]).toBe(nearestBf16(value));
          else expect(bf16Value(codes[index] as number)).toBe(value);
        }
      }),
      { numRuns: 50, seed: 5 },
    );
  });
});
