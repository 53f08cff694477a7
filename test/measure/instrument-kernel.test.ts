import { describe, expect, it } from "vitest";
import { compile, instantiate } from "./instrumentFixtures.ts";

const MATMUL = `
// c[m][n] = a[m][k] x b[k][n], n a multiple of 4.
export function tileF32Matmul(a: usize, b: usize, c: usize, m: i32, k: i32, n: i32): void {
  for (let row = 0; row < m; row++) {
    for (let column = 0; column < n; column += 4) {
      let sum = f32x4.splat(0);
      for (let step = 0; step < k; step++) {
        const x = v128.load32_splat(a + ((row * k + step) << 2));
        const y = v128.load(b + ((step * n + column) << 2));
        if (ASC_FEATURE_RELAXED_SIMD) sum = f32x4.relaxed_madd(x, y, sum);
        else sum = f32x4.add(f32x4.mul(x, y), sum);
      }
      v128.store(c + ((row * n + column) << 2), sum);
    }
  }
}

export function softmax(x: usize, count: i32): void {
  let largest: f32 = -Infinity;
  for (let i = 0; i < count; i++) largest = max(largest, load<f32>(x + (i << 2)));
  let sum: f32 = 0;
  for (let i = 0; i < count; i++) sum += load<f32>(x + (i << 2)) - largest;
  for (let i = 0; i < count; i++) store<f32>(x + (i << 2), load<f32>(x + (i << 2)) / sum);
}

export function assertedSum(x: usize, count: i32): f32 {
  assert(count > 0);
  let sum: f32 = 0;
  for (let i = 0; i < count; i++) {
    assert(i < 1000);
    sum += load<f32>(x + (i << 2));
  }
  return sum;
}
`;

describe.each([
  ["simd", ["--optimizeLevel", "3", "--noAssert"]],
  ["relaxed", ["--optimizeLevel", "3", "--noAssert", "--enable", "relaxed-simd"]],
  ["debug", ["--optimizeLevel", "1"]],
])("compiled kernels, target %s", (_target, flags) => {
  it("count a matmul as 2 x m x k x n, and its result is right", async () => {
    const wasm = await compile({ "matmul.ts": MATMUL }, "matmul.ts", ...flags);
    const [m, k, n] = [3, 5, 8];
    for (const trace of [false, true]) {
      const module = instantiate(wasm, { trace });
      const floats = new Float32Array(module.memory.buffer, 4096);
      floats.fill(2, 0, m * k);
      floats.fill(3, 100, 100 + k * n);
      module.run("tileF32Matmul", 4096, 4096 + 400, 4096 + 1200, m, k, n);
      expect([...floats.subarray(300, 300 + m * n)]).toEqual(Array(m * n).fill(6 * k));
      expect(module.counts()).toEqual({
        matrixFlops: 2 * m * k * n,
        matrixInt8Ops: 0,
        elementwiseFlops: 0,
        conversions: 0,
        loadBytes: (m * k * n * 20) / 4,
        storeBytes: m * n * 4,
      });
    }
  });

  it("count what is not a matrix product apart", async () => {
    const module = instantiate(await compile({ "matmul.ts": MATMUL }, "matmul.ts", ...flags));
    module.run("softmax", 4096, 11);
    module.run("assertedSum", 4096, 7);
    expect(module.counts()).toMatchObject({
      matrixFlops: 0,
      elementwiseFlops: 11 * 4 + 7,
      loadBytes: 4 * (3 * 11 + 7),
      storeBytes: 4 * 11,
    });
  });
});
