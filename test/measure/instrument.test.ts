import { describe, expect, it } from "vitest";
import { type Counts, readCounts, resetCounts, zeroCounts } from "../../src/measure/counts.ts";
import { startRangeCounts } from "../../src/measure/rangeCounts.ts";
import { assemble, instantiate, MEMORY_IMPORT, type TestRanges } from "./instrumentFixtures.ts";

const ADD = "(f32.add (f32.const 1) (f32.const 2))";

/** The counts of `run` with a body of these instructions; local 0 is its parameter, locals 1 and 2 are i32 variables. */
function countsOf(body: string, argument = 0): Counts {
  const wasm = assemble(MEMORY_IMPORT, `(func (export "run") (param i32) (local i32 i32) ${body})`);
  const module = instantiate(wasm);
  module.run("run", argument);
  return module.counts();
}

describe("instrument counts, by hand", () => {
  it("straight lines, nested expressions", () => {
    const body = `
      (f32.store offset=16 (i32.const 0)
        (f32.mul (f32.load (i32.const 4)) (f32.sqrt (f32.sub (f32.load (i32.const 8)) (f32.neg (f32.const 1))))))
      (i64.store (i32.const 32) (i64.const 5))
      (i32.store8 (i32.const 48) (i32.load16_u (i32.const 32)))`;
    expect(countsOf(body)).toEqual({ ...zeroCounts(), elementwiseFlops: 3, loadBytes: 10, storeBytes: 13 });
  });

  it("nested loops", () => {
    const body = `
      (loop $outer
        (local.set 2 (i32.const 0))
        (drop ${ADD})
        (loop $inner
          (drop (f32.mul ${ADD} (f32.const 3)))
          (local.set 2 (i32.add (local.get 2) (i32.const 1)))
          (br_if $inner (i32.lt_s (local.get 2) (i32.const 7))))
        (drop ${ADD})
        (local.set 1 (i32.add (local.get 1) (i32.const 1)))
        (br_if $outer (i32.lt_s (local.get 1) (local.get 0))))
      (drop ${ADD})`;
    expect(countsOf(body, 5).elementwiseFlops).toBe(5 * (1 + 7 * 2 + 1) + 1);
  });

  it("br_if that leaves a block in the middle", () => {
    const body = `
      (block $out
        (drop ${ADD})
        (br_if $out (local.get 0))
        (drop (f32.add ${ADD} ${ADD})))
      (drop ${ADD})`;
    expect(countsOf(body, 0).elementwiseFlops).toBe(5);
    expect(countsOf(body, 1).elementwiseFlops).toBe(2);
  });

  it("br_if with a value among operands", () => {
    const body = `
      (drop (f32.add
        (block $out (result f32)
          (f32.mul
            (br_if $out ${ADD} (local.get 0))
            (f32.load (i32.const 0))))
        (f32.load (i32.const 0))))`;
    expect(countsOf(body, 0)).toMatchObject({ elementwiseFlops: 3, loadBytes: 8 });
    expect(countsOf(body, 1)).toMatchObject({ elementwiseFlops: 2, loadBytes: 4 });
  });

  it("if, else, and an arm that leaves the loop around it", () => {
    const body = `
      (block $out
        (loop $next
          (local.set 1 (i32.add (local.get 1) (i32.const 1)))
          (if (i32.and (local.get 1) (i32.const 1))
            (then (drop ${ADD}))
            (else (drop (f32.mul ${ADD} (f32.const 2)))
              (if (i32.gt_s (local.get 1) (local.get 0)) (then (drop (f64.add (f64.const 1) (f64.const 2))) (br $out)))))
          (drop ${ADD})
          (br $next)))
      (drop ${ADD})`;
    // Argument 4: turns 1 to 5 as a whole, then turn 6 up to the exit.
    expect(countsOf(body, 4).elementwiseFlops).toBe(3 * 1 + 2 * 2 + 5 + (2 + 1) + 1);
  });

  it("early return", () => {
    const body = `
      (drop ${ADD})
      (if (local.get 0) (then (return)))
      (drop ${ADD})`;
    expect(countsOf(body, 0).elementwiseFlops).toBe(2);
    expect(countsOf(body, 1).elementwiseFlops).toBe(1);
  });

  it("br_table", () => {
    const body = `
      (block $default (block $one (block $zero
        (drop ${ADD})
        (br_table $zero $one $default (local.get 0)))
        (drop ${ADD}))
        (drop (f32.add ${ADD} ${ADD})))
      (drop ${ADD})`;
    expect([0, 1, 2, 9].map((argument) => countsOf(body, argument).elementwiseFlops)).toEqual([6, 5, 2, 2]);
  });

  it("bulk memory, by its size at run time", () => {
    const body = `
      (memory.fill (i32.const 0) (i32.const 1) (i32.add (local.get 0) (i32.const 3)))
      (memory.copy (i32.const 100) (i32.const 0) (i32.mul (local.get 0) (i32.load8_u (i32.const 0))))`;
    expect(countsOf(body, 10)).toEqual({ ...zeroCounts(), loadBytes: 11, storeBytes: 23 });
  });

  it("atomics", () => {
    const body = `
      (drop (i32.atomic.rmw.add (i32.const 0) (i32.const 1)))
      (drop (i64.atomic.rmw.cmpxchg (i32.const 8) (i64.const 0) (i64.const 1)))
      (i32.atomic.store16 (i32.const 0) (i32.atomic.load (i32.const 4)))`;
    expect(countsOf(body)).toMatchObject({ loadBytes: 16, storeBytes: 14 });
  });

  it("vector memory accesses of every width", () => {
    const vector = "(v128.const i32x4 0 0 0 0)";
    const loads: [string, number][] = [
      ...([["v128.load", 16]] as [string, number][]),
      ...["8", "16", "32", "64"].map((bits): [string, number] => [`v128.load${bits}_splat`, Number(bits) / 8]),
      ...["8x8_s", "8x8_u", "16x4_s", "16x4_u", "32x2_s", "32x2_u"].map((w): [string, number] => [`v128.load${w}`, 8]),
      ...["32", "64"].map((bits): [string, number] => [`v128.load${bits}_zero`, Number(bits) / 8]),
    ];
    for (const [load, bytes] of loads)
      expect([load, countsOf(`(drop (${load} (i32.const 0)))`).loadBytes]).toEqual([load, bytes]);
    for (const bits of [8, 16, 32, 64]) {
      expect(countsOf(`(drop (v128.load${bits}_lane 1 (i32.const 0) ${vector}))`).loadBytes).toBe(bits / 8);
      expect(countsOf(`(v128.store${bits}_lane 1 (i32.const 0) ${vector})`).storeBytes).toBe(bits / 8);
    }
    expect(countsOf("(drop (v128.load8x8_s (i32.const 0)))").conversions).toBe(8);
  });

  it("each class of arithmetic", () => {
    const vector = "(v128.load (i32.const 0))";
    const unary = (op: string) => countsOf(`(drop (${op} ${vector}))`);
    const binary = (op: string) => countsOf(`(drop (${op} ${vector} ${vector}))`);
    const ternary = (op: string) => countsOf(`(drop (${op} ${vector} ${vector} ${vector}))`);
    for (const op of ["add", "sub", "mul", "div", "min", "max", "pmin", "relaxed_max"]) {
      expect(binary(`f32x4.${op}`)).toMatchObject({ elementwiseFlops: 4, matrixFlops: 0, conversions: 0 });
      expect(binary(`f64x2.${op}`)).toMatchObject({ elementwiseFlops: 2 });
    }
    expect(ternary("f32x4.relaxed_madd").elementwiseFlops).toBe(8);
    expect(ternary("f64x2.relaxed_nmadd").elementwiseFlops).toBe(4);
    expect(ternary("v128.bitselect")).toMatchObject({ elementwiseFlops: 0, matrixInt8Ops: 0, conversions: 0 });
    expect(unary("f32x4.sqrt").elementwiseFlops).toBe(4);
    expect(unary("f32x4.floor").elementwiseFlops).toBe(4);
    expect(unary("f32x4.neg").elementwiseFlops).toBe(0);
    expect(unary("f32x4.convert_i32x4_s").conversions).toBe(4);
    expect(unary("i32x4.relaxed_trunc_f32x4_s").conversions).toBe(4);
    expect(unary("i16x8.extend_low_i8x16_s").conversions).toBe(8);
    expect(unary("f64x2.promote_low_f32x4").conversions).toBe(2);
    expect(binary("i8x16.narrow_i16x8_s").conversions).toBe(16);
    expect(binary("f32x4.lt").elementwiseFlops).toBe(0);
    expect(binary("i32x4.dot_i16x8_s").matrixInt8Ops).toBe(12);
    expect(ternary("i32x4.relaxed_dot_i8x16_i7x16_add_s").matrixInt8Ops).toBe(32);
    expect(countsOf("(drop (f32.demote_f64 (f64.convert_i32_s (local.get 0))))").conversions).toBe(2);
  });
});

describe("instrument", () => {
  const matrix = (name: string, body: string) => `(func (export "${name}") (param i32) (drop ${body}))`;
  const vector = "(v128.const i32x4 1 2 3 4)";

  it("tells matrix products apart by the name of their export", () => {
    const body = `(i32x4.add (f32x4.add ${vector} ${vector}) (i32x4.dot_i16x8_s ${vector} ${vector}))`;
    const wasm = assemble(
      MEMORY_IMPORT,
      matrix("tileF32Rows1", body),
      matrix("tileInt8Rows1", body),
      matrix("norm", body),
    );
    const countsBy = (name: string) => {
      const module = instantiate(wasm);
      module.run(name, 0);
      return module.counts();
    };
    expect(countsBy("tileF32Rows1")).toEqual({ ...zeroCounts(), matrixFlops: 4, matrixInt8Ops: 12 });
    expect(countsBy("tileInt8Rows1")).toEqual({ ...zeroCounts(), elementwiseFlops: 4, matrixInt8Ops: 16 });
    expect(countsBy("norm")).toEqual({ ...zeroCounts(), elementwiseFlops: 4, matrixInt8Ops: 12 });
  });

  it("refuses a function that is a matrix product and something else", () => {
    const wasm = assemble(MEMORY_IMPORT, `(func $f (export "tileF32Rows1") (export "norm"))`);
    expect(() => instantiate(wasm)).toThrow(/both as a matrix product/);
  });

  it("starts over after a reset, and refuses a module without counters", () => {
    const module = instantiate(assemble(MEMORY_IMPORT, matrix("run", ADD)));
    module.run("run", 0);
    resetCounts(module.exports);
    expect(module.counts()).toEqual(zeroCounts());
    expect(() => readCounts({})).toThrow(TypeError);
  });

  it("keeps what a function computes, and its imports", () => {
    const body = `(block $out (result i32)
      (drop (br_if $out (i32.const 7) (i32.eqz (local.get 0))))
      (i32.add (local.get 0) (i32.load offset=4 (i32.const 0))))`;
    const wasm = assemble(MEMORY_IMPORT, `(func (export "run") (param i32) (result i32) ${body})`);
    for (const trace of [false, true]) {
      const module = instantiate(wasm, { trace });
      new Int32Array(module.memory.buffer)[1] = 100;
      expect([module.run("run", 0), module.run("run", 3)]).toEqual([7, 103]);
    }
  });

  it("traces every access in the order of execution, with its offset", () => {
    const body = `
      (i32.store offset=8 (i32.load (i32.const 0))
        (i32.add (i32.load16_u offset=4 (i32.const 0)) (i32.load8_u (local.get 0))))
      (drop (v128.load32_splat offset=12 (local.get 0)))
      (v128.store64_lane 1 (i32.const 64) (v128.load (i32.const 80)))
      (drop (i32.atomic.rmw.add (i32.const 4) (i32.const 1)))
      (memory.copy (i32.const 200) (i32.const 100) (i32.const 24))
      (memory.fill (i32.const 300) (i32.const 0) (local.get 0))`;
    const wasm = assemble(MEMORY_IMPORT, `(func (export "run") (param i32) ${body})`);
    const module = instantiate(wasm, { trace: true });
    new Int32Array(module.memory.buffer)[0] = 1000;
    module.run("run", 40);
    const expected = [
      [0, 4, 0],
      [4, 2, 0],
      [40, 1, 0],
      [1008, 4, 1],
      [52, 4, 0],
      [80, 16, 0],
      [64, 8, 1],
      [4, 4, 0],
      [4, 4, 1],
      [100, 24, 0],
      [200, 24, 1],
      [300, 40, 1],
    ];
    expect(module.accesses.map(({ address, bytes, isStore }) => [address, bytes, isStore])).toEqual(expected);
    const total = (store: number) =>
      expected.reduce((sum, [, bytes, isStore]) => sum + (isStore === store ? (bytes ?? 0) : 0), 0);
    expect(module.counts()).toMatchObject({ loadBytes: total(0), storeBytes: total(1) });
  });
});

describe("bytes by range, by hand", () => {
  const run = (body: string, counting: TestRanges, argument = 0) => {
    const wasm = assemble(MEMORY_IMPORT, `(func (export "run") (param i32) (local i32) ${body})`);
    const module = instantiate(wasm, { counting });
    module.run("run", argument);
    return module;
  };
  const chunksOf4: TestRanges = {
    map: { chunkShift: 2 },
    ranges: [
      [0, 16],
      [16, 32],
      [64, 4096],
    ],
  };

  it("sorts each access to the range of its first byte, with its offset", () => {
    const body = `
      (i32.store offset=16 (i32.load (i32.const 0)) (i32.load8_u offset=64 (local.get 0)))
      (drop (v128.load (i32.const 12)))
      (v128.store64_lane 1 (i32.const 20) (v128.load32_splat (i32.const 40)))
      (drop (i64.atomic.rmw.add (i32.const 72) (i64.const 1)))`;
    expect(run(body, chunksOf4, 8).rangeCounts()).toEqual([
      [4 + 16, 0],
      [0, 4 + 8],
      [1 + 8, 8],
      [4, 0],
    ]);
  });

  it("sorts every byte of a copy and of a fill", () => {
    const body = `
      (memory.copy (i32.const 60) (i32.const 10) (local.get 0))
      (memory.fill (i32.const 30) (i32.const 1) (i32.const 3))
      (memory.fill (i32.const 0) (i32.const 1) (i32.const 0))`;
    expect(run(body, chunksOf4, 20).rangeCounts()).toEqual([
      [6, 0],
      [14, 2],
      [0, 16],
      [0, 4 + 1],
    ]);
  });

  it("counts what lies behind the map as its last chunk", () => {
    const counting: TestRanges = { map: { chunkShift: 0, lastChunk: 9 }, ranges: [[3, 9]] };
    const body = `
      (loop $next
        (i32.store8 (local.get 1) (i32.const 0))
        (local.set 1 (i32.add (local.get 1) (i32.const 1)))
        (br_if $next (i32.lt_u (local.get 1) (local.get 0))))
      (drop (i64.load (i32.const 200000)))`;
    expect(run(body, counting, 100).rangeCounts()).toEqual([
      [0, 6],
      [8, 94],
    ]);
  });

  it("starts anew after each reading, and adds up to what was counted in all", () => {
    const module = run("(i64.store (i32.const 8) (i64.load (i32.const 0)))", chunksOf4);
    expect(module.rangeCounts()[0]).toEqual([8, 8]);
    expect(module.rangeCounts()[0]).toEqual([0, 0]);
    module.run("run", 0);
    module.run("run", 0);
    expect(module.rangeCounts()[0]).toEqual([16, 16]);
    expect(module.counts()).toMatchObject({ loadBytes: 24, storeBytes: 24 });
  });

  it("gives overlapping bytes to the first range, and refuses ranges that no map can hold", () => {
    const memory = new WebAssembly.Memory({ initial: 1, maximum: 8 });
    memory.grow(1);
    const start = (begin: number, end: number) => () =>
      startRangeCounts(memory, { chunkShift: 4 }, [{ name: "x", begin, end }]);
    expect(start(8, 32)).toThrow(/range x: 8..32 does not fit/);
    expect(start(16, 2 ** 30)).toThrow(/does not fit/);
    expect(() =>
      startRangeCounts(
        memory,
        { chunkShift: 4 },
        Array.from({ length: 256 }, () => ({ name: "", begin: 0, end: 16 })),
      ),
    ).toThrow(/at most 255/);
    const overlapping: TestRanges = {
      map: { chunkShift: 2 },
      ranges: [
        [4, 8],
        [0, 16],
      ],
    };
    expect(run("(drop (v128.load (i32.const 4))) (drop (i32.load (i32.const 8)))", overlapping).rangeCounts()).toEqual([
      [16, 0],
      [4, 0],
      [0, 0],
    ]);
  });
});
