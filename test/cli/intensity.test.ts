import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import binaryen from "binaryen";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { IntensityDocument } from "../../src/record/schemas.ts";
import { checkDocument } from "../../src/record/schemas.ts";
import { run } from "./terminal.ts";

const folder = mkdtempSync(join(tmpdir(), "afdbench-intensity-"));
const file = (name: string): string => join(folder, name);
afterAll(() => rmSync(folder, { recursive: true }));

async function rowsOf(...words: string[]) {
  const { exitCode, out, err } = await run(["intensity", ...words, "--json", "--quiet"]);
  expect({ exitCode, err }).toEqual({ exitCode: 0, err: "" });
  return (checkDocument(JSON.parse(out)) as IntensityDocument).rows;
}

describe("intensity of kernels", () => {
  const words = ["linear.gemm", "--m", "3", "--n", "9", "--k", "130", "--dtype", "int8"];

  it("names every difference by what it was found in, and leaves nothing unexplained", async () => {
    const rows = await rowsOf(...words);
    expect(rows.find(({ row }) => row === "kernel")).toMatchObject({
      kernel: "linear.gemm",
      shape: "m=3 n=9 k=130",
      status: "ok",
      modeledFlops: 2 * 3 * 9 * 130,
      int8Ops: 2 * 3 * 16 * 132,
      modeledBytes: 9 * 130,
      // 16 columns of 132 bytes, scale and sum, on whole lines.
      measuredBytes: Math.ceil((16 * 132 + 16 * 8) / 64) * 64,
      unexplainedFraction: 0,
      reason: expect.stringMatching(/^padding: .*weight n 9 → 16, weight k 130 → 132/),
    });
    const causes = rows.filter((row) => row.row === "cause");
    const sumOf = (quantity: string): number =>
      causes.filter((cause) => cause.quantity === quantity).reduce((sum, { amount }) => sum + amount, 0);
    expect(sumOf("productFlops")).toBe(2 * 3 * (16 * 132 - 9 * 130));
    expect(sumOf("weightBytes")).toBe(Math.ceil((16 * 132 + 16 * 8) / 64) * 64 - 9 * 130);
    expect(causes.map(({ cause }) => cause)).not.toContain("unexplained");
    const weights = rows.find((row) => row.row === "range" && row.range === "weights");
    expect(weights).toMatchObject({ modeledBytes: 9 * 130, storedBytes: 0 });
  });

  it.each(["kernel", "term", "range", "cause"])("prints rows of %s as the golden file has them", async (rows) => {
    const { out } = await run(["intensity", ...words, "--target", "simd", "--rows", rows, "-o", "csv", "--quiet"]);
    await expect(out).toMatchFileSnapshot(`golden/intensity-${rows}-csv.txt`);
  });

  it("tells the terms of a layer apart, and says where the report's formula is wider than the kernel", async () => {
    const rows = await rowsOf(
      "attention.core",
      "--model",
      "deepseek-v3",
      "--context",
      "256",
      "--batch",
      "1",
      "--dtype",
      "f32",
    );
    expect(rows.find(({ row }) => row === "kernel")).toMatchObject({
      ratio: expect.closeTo((576 + 512) / (2 * 576), 6),
      reason: expect.stringContaining("values are 512 wide, the formula takes 576"),
      unexplainedFraction: 0,
    });
    const ranges = rows.filter((row) => row.row === "range").map(({ range }) => range);
    expect(ranges).toEqual(["kv", "activations", "scratch"]);
  });

  it("gives the same document twice", async () => {
    expect(await rowsOf(...words)).toEqual(await rowsOf(...words));
  });

  it("adds what every level of some caches serves", async () => {
    const rows = await rowsOf(...words, "--target", "simd", "--caches", "l1=1Ki/2,l2=8Ki/4");
    const levels = rows.filter((row) => row.row === "level");
    expect(levels.map(({ level }) => level)).toEqual(["L1", "L2", "DRAM"]);
    const [first, , memory] = levels;
    const ranges = rows.filter((row) => row.row === "range");
    const loaded = ranges.reduce((sum, { loadedBytes }) => sum + loadedBytes, 0);
    expect(first).toMatchObject({ caches: "l1=1Ki/2,l2=8Ki/4", loadedBytes: loaded, flops: 2 * 3 * 16 * 132 });
    // Weights with scales and sums, x in float32 and packed, y: each once.
    expect(memory?.weightBytes).toBe(Math.ceil((16 * 132 + 16 * 8) / 64) * 64);
    expect(memory?.loadedBytes).toBe(memory?.touchedBytes);
    expect(memory?.flopsPerByte).toBeGreaterThan(first?.flopsPerByte ?? 0);
  });

  it("says which level of an accelerator is missing, and reports the rest", async () => {
    const { out } = await run(["intensity", ...words, "--caches", "tpu-v6e,h20", "--json", "--quiet"]);
    const { rows, notes } = checkDocument(JSON.parse(out)) as IntensityDocument;
    const levels = rows.filter((row) => row.row === "level");
    expect(levels.map(({ caches, level }) => `${caches} ${level}`)).toEqual(["tpu-v6e core", "h20 L2", "h20 DRAM"]);
    expect(levels[0]?.touchedBytes).toBeGreaterThan(0);
    expect(notes.join(" ")).toMatch(/tpu-v6e: nothing states its L2 cache, so that L2 and DRAM are missing/);
  });

  it("prints modeled numbers alone where there is no kernel", async () => {
    const rows = await rowsOf("attention.layer", "--model", "minimax-m1", "--dtype", "f32");
    expect(rows.find(({ row }) => row === "kernel")).toMatchObject({
      status: "unsupported",
      statusReason: expect.stringContaining("no attention.layer kernel of lightning linear attention"),
      modeledFlopsPerByte: expect.any(Number),
    });
    expect(rows.filter((row) => row.row === "term").map(({ term }) => term)).toEqual([
      "attention.projections",
      "attention.core",
    ]);
  });

  it.each([
    ["table", /measured\s+ratio\s+reason/],
    ["md", /\| kernel \| shape \|/],
    ["csv", /^row,kind,kernel,shape,dtype,/],
  ])("prints as %s", async (format, pattern) => {
    const { exitCode, out } = await run(["intensity", ...words, "-o", format, "--quiet"]);
    expect(exitCode).toBe(0);
    expect(out).toMatch(pattern);
  });

  it.each([
    [["attention.cor"], /kernel: expected one of .* did you mean "attention.core"/],
    [["roof.*"], /kernel: expected one of/],
    [["--model", "step4"], /did you mean "step3"/],
    [["--wasm", "x.wasm", "--call", "f(1)", "--caches", "host"], /--caches: expected nothing with --wasm/],
    [["linear.gemm", "--caches", "h80"], /--caches: expected host, .* did you mean "h800"/],
    [["linear.gemm", "--caches", "l1=32Ki"], /--caches l1: expected SIZE\/WAYS/],
    [
      ["--rows", "causes"],
      /--rows: expected one of kernel, term, range, cause, level, call, callRange.*did you mean "cause"/,
    ],
    [["attention.core", "--kv-dtype", "fp8", "--dtype", "int8"], /--kv-dtype: expected int8, int4/],
  ])("refuses %j", async (given, message) => {
    const { exitCode, out, err } = await run(["intensity", ...given]);
    expect({ exitCode, out }).toEqual({ exitCode: 2, out: "" });
    expect(err).toMatch(message);
  });
});

/** y[i] = a x[i] + y[i], then a sum of bytes; a division that traps; a call of an import. */
const MODULE = `(module
  (import "env" "log" (func $log (param i32)))
  (memory (export "memory") 1 2)
  (func (export "axpy") (param $x i32) (param $y i32) (param $n i32) (param $a f32) (result f32)
    (local $i i32)
    (loop $next
      (f32.store (i32.add (local.get $y) (i32.shl (local.get $i) (i32.const 2)))
        (f32.add
          (f32.mul (local.get $a) (f32.load (i32.add (local.get $x) (i32.shl (local.get $i) (i32.const 2)))))
          (f32.load (i32.add (local.get $y) (i32.shl (local.get $i) (i32.const 2))))))
      (local.set $i (i32.add (local.get $i) (i32.const 1)))
      (br_if $next (i32.lt_u (local.get $i) (local.get $n))))
    (f32.load (local.get $y)))
  (func (export "fill") (param i32 i32) (memory.fill (local.get 0) (i32.const 1) (local.get 1)))
  (func (export "wide") (param i64) (result i64) (i64.add (local.get 0) (i64.const 1)))
  (func (export "divide") (param i32) (result i32) (i32.div_s (i32.const 1) (local.get 0)))
  (func (export "report") (call $log (i32.const 1)))
  (func (export "vector") (param v128)))`;

function assemble(text: string): Uint8Array {
  const module = binaryen.parseText(text);
  module.setFeatures(binaryen.Features.All);
  const wasm = module.emitBinary();
  module.dispose();
  return wasm;
}

describe("intensity of a module of one's own", () => {
  beforeAll(() => {
    writeFileSync(file("mine.wasm"), assemble(MODULE));
    writeFileSync(file("text.wasm"), "(module)");
    writeFileSync(
      file("wide.wasm"),
      assemble(`(module (memory i64 1) (func (export "f") (drop (i32.load (i64.const 0)))))`),
    );
    writeFileSync(
      file("bare.wasm"),
      assemble(`(module (func (export "add") (result f32) (f32.add (f32.const 1) (f32.const 2))))`),
    );
    writeFileSync(
      file("two.wasm"),
      assemble(`(module (import "env" "memory" (memory 1)) (memory 1) (func (export "f")))`),
    );
    writeFileSync(file("global.wasm"), assemble(`(module (import "env" "base" (global i32)) (func (export "f")))`));
    writeFileSync(
      file("imported.wasm"),
      assemble(`(module (import "env" "memory" (memory 1 3 shared))
      (func (export "f") (result i32) (i32.load (i32.const 8))))`),
    );
  });

  const count = (...words: string[]) => rowsOf("--wasm", file("mine.wasm"), ...words);

  it("counts by range", async () => {
    const rows = await count("--call", "axpy(64, 0x1000, 16, 2.5)", "--range", "x=64..128", "--range", "y=4Ki..8Ki");
    const axpy = { module: file("mine.wasm"), call: "axpy(64,0x1000,16,2.5)", kind: "measured" };
    expect(rows).toEqual([
      {
        ...{ row: "call", ...axpy, status: "ok", result: "0", flops: 32, int8Ops: 0, conversions: 0 },
        ...{ loadedBytes: 132, storedBytes: 64, flopsPerByte: 32 / 196 },
      },
      {
        row: "callRange",
        ...axpy,
        range: "x",
        begin: 64,
        end: 128,
        loadedBytes: 64,
        storedBytes: 0,
        flopsPerByte: 0.5,
      },
      {
        row: "callRange",
        ...axpy,
        range: "y",
        begin: 4096,
        end: 8192,
        loadedBytes: 68,
        storedBytes: 64,
        flopsPerByte: 32 / 132,
      },
      { row: "callRange", ...axpy, range: "other", loadedBytes: 0, storedBytes: 0 },
    ]);
  });

  it("makes calls in turn on one instance, and counts each by itself", async () => {
    const rows = await count(
      "--call",
      "fill(10,100)",
      "--call",
      "axpy(0,64,1,1)",
      "--call",
      "wide(-0x2)",
      "--range",
      "a=16..33",
    );
    const stored = rows.filter((row) => row.row === "callRange").map(({ range, storedBytes }) => [range, storedBytes]);
    expect(stored.slice(0, 4)).toEqual([
      ["a", 17],
      ["other", 83],
      ["a", 0],
      ["other", 4],
    ]);
    expect(rows.filter((row) => row.row === "call").map(({ result }) => result)).toEqual([
      undefined,
      expect.stringMatching(/^2\.369/),
      "-1",
    ]);
  });

  it("counts without a memory, and with one that is imported", async () => {
    expect(await rowsOf("--wasm", file("bare.wasm"), "--call", "add()")).toMatchObject([
      { flops: 1, result: "3" },
      { range: "other" },
    ]);
    expect(await rowsOf("--wasm", file("imported.wasm"), "--call", "f()", "--range", "low=0..1Ki")).toMatchObject([
      { loadedBytes: 4, result: "0" },
      { range: "low", loadedBytes: 4 },
      { range: "other" },
    ]);
  });

  it.each([
    ["divide(0)", /divide by zero/],
    ["report()", /it called env\.log, which it imports and afdbench does not have/],
    ["axpy(131064,0,16,1)", /out of bounds/],
  ])("a call that traps, %s, is a status and exit code 1", async (call, message) => {
    const { exitCode, out } = await run(["intensity", "--wasm", file("mine.wasm"), "--call", call, "--json"]);
    const [row] = (checkDocument(JSON.parse(out)) as IntensityDocument).rows;
    expect(exitCode).toBe(1);
    expect(row).toMatchObject({ row: "call", status: "trapped", statusReason: expect.stringMatching(message) });
  });

  it("prints tables, and csv of calls", async () => {
    const words = ["intensity", "--wasm", file("mine.wasm"), "--call", "fill(0,64)", "--range", "low=0..32"];
    expect((await run(words)).out).toMatch(/Bytes by memory range\n[\s\S]*low +0 +32 +0 +32\.0 B/);
    const several = [...words, "--call", "fill(0,16)"];
    expect((await run(several)).out).toMatch(/\nfill\(0,16\) +low +0 +32 /);
    expect((await run([...words, "-o", "csv"])).out).toMatch(/^row,kind,module,call,status,/);
  });

  it.each([
    [["--wasm", "nowhere.wasm", "--call", "f()"], 2, /--wasm: .*no such file/],
    [
      ["--wasm", file("text.wasm"), "--call", "f()"],
      2,
      /--wasm: expected a WebAssembly module \(the engine refuses this/,
    ],
    [
      ["--wasm", file("mine.wasm"), "--call", "axpi()"],
      2,
      /--call: expected an exported function: axpy.*did you mean "axpy"/,
    ],
    [
      ["--wasm", file("mine.wasm"), "--call", "axpy(1,2)"],
      2,
      /--call: expected 4 arguments \(i32, i32, i32, f32\), got "axpy\(1,2\)"/,
    ],
    [["--wasm", file("mine.wasm"), "--call", "axpy(1,2,3,x)"], 2, /argument 4: expected a number \(f32\), got "x"/],
    [
      ["--wasm", file("mine.wasm"), "--call", "divide(4294967296)"],
      2,
      /argument 1: expected a whole number of 32 bits/,
    ],
    [["--wasm", file("mine.wasm"), "--call", "axpy"], 2, /--call: expected EXPORT\(arg,arg,…\)/],
    [["--wasm", file("mine.wasm"), "--call", "axpy(1,,2)"], 2, /--call: expected EXPORT\(arg,arg,…\)/],
    [["--wasm", file("mine.wasm")], 2, /--call: expected an export to call/],
    [["--call", "axpy(1)"], 2, /--call: expected --wasm FILE with it/],
    [["--range", "x=0..1"], 2, /--range: expected --wasm FILE with it/],
    [["moe.layer", "--wasm", file("mine.wasm"), "--call", "f()"], 2, /kernel: expected none with --wasm/],
    [
      ["--wasm", file("mine.wasm"), "--call", "divide(1)", "--range", "x=8..8"],
      2,
      /--range x: expected a START below its END/,
    ],
    [
      ["--wasm", file("mine.wasm"), "--call", "divide(1)", "--range", "x=0..1Mi"],
      2,
      /--range x: expected addresses up to 131072/,
    ],
    [["--wasm", file("mine.wasm"), "--call", "divide(1)", "--range", "8..9"], 2, /--range: expected NAME=START..END/],
    [
      ["--wasm", file("mine.wasm"), "--call", "divide(1)", "--range", "x=0..8", "--range", "x=8..9"],
      2,
      /--range x: expected each name once/,
    ],
    [
      ["--wasm", file("mine.wasm"), "--call", "divide(1)", "--range", "x=0..8", "--range", "y=4..16"],
      2,
      /--range y: expected bytes that x \(0\.\.8\) has not got, got "4\.\.16"/,
    ],
    [
      ["--wasm", file("mine.wasm"), "--call", "divide(1)", "--batch", "16"],
      2,
      /--batch: expected nothing with --wasm, whose calls have arguments of their own, got "16"/,
    ],
    [
      ["--wasm", file("bare.wasm"), "--call", "add()", "--range", "x=0..8"],
      2,
      /--range x: expected a module with a memory/,
    ],
    [
      ["--wasm", file("mine.wasm"), "--call", "vector(1)"],
      3,
      /argument 1: its type is none that a command line can give/,
    ],
    [["--wasm", file("wide.wasm"), "--call", "f()"], 3, /memory of 64-bit addresses/],
    [["--wasm", file("two.wasm"), "--call", "f()"], 3, /has 2 memories/],
    [
      ["--wasm", file("global.wasm"), "--call", "f()"],
      3,
      /imports global env\.base: afdbench can give it functions and memory alone/,
    ],
  ])("refuses %j", async (words, expected, message) => {
    const { exitCode, out, err } = await run(["intensity", ...words]);
    expect({ exitCode, out }).toEqual({ exitCode: expected, out: "" });
    expect(err.trim().split("\n")).toHaveLength(1);
    expect(err).toMatch(message);
  });
});
