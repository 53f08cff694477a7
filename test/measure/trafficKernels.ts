import { readFileSync } from "node:fs";
import { type CacheExports, type CacheGeometry, readCache, startCache } from "../../src/measure/cacheModel.ts";
import { compile, instantiate } from "./instrumentFixtures.ts";

export type TrafficKernel = "triad" | "tiledProduct";

/** Values of a triad's array, of a matrix's side and of a tile's side; trafficKernels.c has the same. */
export const TRIAD = 65536;
export const SIDE = 256;
export const TILE = 32;

const SOURCE = `
export function triad(a: usize, b: usize, c: usize, scale: f64): void {
  for (let at: usize = 0; at < ${TRIAD} * 8; at += 8) store<f64>(a + at, load<f64>(b + at) + scale * load<f64>(c + at));
}

/** Tiles lie one after the other, each of ${TILE} x ${TILE} values. */
export function tiledProduct(a: usize, b: usize, c: usize): void {
  const tiles = ${SIDE / TILE};
  for (let row = 0; row < tiles; row++) {
    for (let column = 0; column < tiles; column++) {
      for (let inner = 0; inner < tiles; inner++) {
        multiplyTile(tileOf(a, row, inner), tileOf(b, inner, column), tileOf(c, row, column));
      }
    }
  }
}

function tileOf(matrix: usize, row: i32, column: i32): usize {
  return matrix + usize(row * ${SIDE / TILE} + column) * ${TILE * TILE * 4};
}

function multiplyTile(left: usize, right: usize, out: usize): void {
  for (let i: usize = 0; i < ${TILE}; i++) {
    for (let k: usize = 0; k < ${TILE}; k++) {
      const factor = load<f32>(left + ((i * ${TILE} + k) << 2));
      for (let j: usize = 0; j < ${TILE}; j++) {
        const sum = out + ((i * ${TILE} + j) << 2);
        store<f32>(sum, load<f32>(sum) + factor * load<f32>(right + ((k * ${TILE} + j) << 2)));
      }
    }
  }
}`;

/** Where the three arrays of a kernel begin, far enough apart and on lines of their own. */
const OPERANDS: Readonly<Record<TrafficKernel, readonly number[]>> = {
  triad: [1, 2, 3].map((index) => index * TRIAD * 8),
  tiledProduct: [1, 2, 3].map((index) => index * SIDE * SIDE * 4),
};

/** Both kernels and the cache model, compiled from source. */
export async function compileTraffic() {
  const lru = readFileSync(new URL("../../assembly/cache/lru.ts", import.meta.url), "utf8");
  const flags = ["--optimizeLevel", "3", "--noAssert"] as const;
  return {
    kernels: await compile({ "kernels.ts": SOURCE }, "kernels.ts", ...flags),
    cache: await compile({ "lru.ts": lru }, "lru.ts", ...flags),
  };
}

/** Lines that each level fetched and wrote while a kernel ran once, from cold caches to written-back ones. */
export function traceTraffic(
  { kernels, cache }: Awaited<ReturnType<typeof compileTraffic>>,
  kernel: TrafficKernel,
  levels: readonly CacheGeometry[],
) {
  const memory = new WebAssembly.Memory({ initial: 1, maximum: 65536, shared: true });
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(cache), { env: { memory } });
  const model = exports as unknown as CacheExports;
  const module = instantiate(kernels, { trace: true, access: model.cacheAccess, pages: 64 });
  startCache(model, levels, [], module.memory.buffer.byteLength);
  module.run(kernel, ...OPERANDS[kernel], 3);
  model.cacheFlush();
  return readCache(model, levels, []).other;
}
