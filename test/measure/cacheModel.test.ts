import { readFileSync } from "node:fs";
import fc from "fast-check";
import { beforeAll, describe, expect, it } from "vitest";
import {
  type AddressRange,
  type CacheExports,
  type CacheGeometry,
  cacheGeometry,
  cacheStateBytes,
  type RangeTraffic,
  readCache,
  startCache,
} from "../../src/measure/cacheModel.ts";
import { compile, instantiate } from "./instrumentFixtures.ts";
import { plainCaches } from "./plainCaches.ts";

const TRACED_BYTES = 1 << 20;
const SOURCE = readFileSync(new URL("../../assembly/cache/lru.ts", import.meta.url), "utf8");

/** The reads of one decode step that goes over the whole KV cache anew for every block of eight heads. */
const ATTENTION = `
export function readKeyValues(kv: usize, kvTokens: i32, rowBytes: i32, heads: i32): f32 {
  let sum: f32 = 0;
  for (let block = 0; block < heads; block += 8) {
    for (let token = 0; token < kvTokens; token++) {
      for (let head = block; head < block + 8; head++) {
        for (let column = 0; column < rowBytes; column += 8) {
          sum += f32(load<u64>(kv + token * rowBytes + column));
        }
      }
    }
  }
  return sum;
}`;

let cacheModule: WebAssembly.Module;
let memory: WebAssembly.Memory;

function newCache(): CacheExports {
  memory = new WebAssembly.Memory({ initial: 1, maximum: 65536, shared: true });
  const { exports } = new WebAssembly.Instance(cacheModule, { env: { memory, abort: () => undefined } });
  return exports as unknown as CacheExports;
}

/** Feeds these addresses, four bytes each, to a new cache. */
function feed(geometry: CacheGeometry, ranges: readonly AddressRange[], addresses: Iterable<number>) {
  const cache = newCache();
  startCache(cache, [geometry], ranges, TRACED_BYTES);
  for (const address of addresses) cache.cacheAccess(address, 4, 0);
  return readCache(cache, [geometry], ranges);
}

/** Lines of a range that the one level fetched. */
const fetched = ({ levels }: RangeTraffic): number => levels[0]?.fetchedLines ?? Number.NaN;

function* stream(bytes: number, passes = 1, strideBytes = 4): Generator<number> {
  for (let pass = 0; pass < passes; pass++) for (let at = 0; at < bytes; at += strideBytes) yield at;
}

const misses = (addresses: Iterable<number>, geometry: CacheGeometry) => fetched(feed(geometry, [], addresses).other);

beforeAll(async () => {
  cacheModule = new WebAssembly.Module(
    await compile({ "lru.ts": SOURCE }, "lru.ts", "--optimizeLevel", "3", "--noAssert"),
  );
});

describe("cache model", () => {
  const small = cacheGeometry(4096, 4, 64);

  it("misses every line of a stream once", () => {
    const { accesses, other } = feed(small, [], stream(64 * 1000));
    expect({ accesses, ...other }).toEqual({
      accesses: 16000,
      name: "other",
      loadBytes: 64000,
      storeBytes: 0,
      distinctLines: 1000,
      levels: [{ fetchedLines: 1000, writtenLines: 0 }],
    });
  });

  it("misses nothing more where what is read again fits", () => {
    expect(misses(stream(4096, 5), small)).toBe(64);
  });

  it("misses every line of every pass where one line too many is read in turn", () => {
    // One set of 64 ways and 65 lines: the least recently used line is always the one wanted next.
    const oneSet = { lineBytes: 64, sets: 1, ways: 64 };
    const traffic = feed(oneSet, [], stream(65 * 64, 5));
    expect(fetched(traffic.other)).toBe(5 * 65);
    expect(traffic.other.distinctLines).toBe(65);
    expect(misses(stream(64 * 64, 5), oneSet)).toBe(64);
    // With four ways only the set of the 65th line thrashes: its five lines miss in each of the five passes.
    expect(misses(stream(65 * 64, 5), small)).toBe(60 + 5 * 5);
  });

  it("drops the least recently used line, not the oldest", () => {
    const twoWays = { lineBytes: 64, sets: 1, ways: 2 };
    expect(misses([0, 64, 0, 128, 0, 64, 0], twoWays)).toBe(4);
  });

  it("maps lines to any number of sets", () => {
    const threeSets = { lineBytes: 64, sets: 3, ways: 1 };
    expect(misses([0, 64, 128, 0, 64, 128], threeSets)).toBe(3);
    expect(misses([0, 192, 0, 192], threeSets)).toBe(4);
  });

  it("agrees with a plain least-recently-used list on random accesses", () => {
    for (const [sets, ways] of [
      [1, 1],
      [5, 3],
      [8, 4],
      [16, 1],
      [7, 20],
    ] as const) {
      const lists = Array.from({ length: sets }, (): number[] => []);
      let expected = 0;
      let seed = 7;
      const addresses = Array.from({ length: 5000 }, () => {
        seed = (Math.imul(seed, 1103515245) + 12345) >>> 0;
        return ((seed >>> 8) % (96 * sets)) * 16;
      });
      for (const address of addresses) {
        const line = address >> 6;
        const list = lists[line % sets] ?? [];
        const at = list.indexOf(line);
        if (at >= 0) list.splice(at, 1);
        else expected++;
        list.unshift(line);
        if (list.length > ways) list.pop();
      }
      expect(misses(addresses, { lineBytes: 64, sets, ways })).toBe(expected);
    }
  });

  it("attributes lines to the range that they are wanted for", () => {
    const ranges = [
      { name: "weights", begin: 0, end: 1024 },
      { name: "kv", begin: 1024, end: 1024 + 4096 },
      { name: "empty", begin: 8192, end: 8192 },
    ];
    const traffic = feed(small, ranges, [...stream(64 * 200, 2, 32)]);
    expect(traffic.ranges.map((range) => [range.name, fetched(range), range.distinctLines])).toEqual([
      ["weights", 32, 16],
      ["kv", 128, 64],
      ["empty", 0, 0],
    ]);
    expect([fetched(traffic.other), traffic.other.distinctLines]).toEqual([240, 120]);
  });

  it("touches every line that an access spans, and none for no bytes", () => {
    const cache = newCache();
    startCache(cache, [small], [], TRACED_BYTES);
    cache.cacheAccess(60, 8, 0);
    cache.cacheAccess(0, 0, 0);
    cache.cacheAccess(1000, 640, 1);
    cache.cacheFlush();
    expect(readCache(cache, [small], [])).toMatchObject({
      accesses: 2,
      other: {
        loadBytes: 8,
        storeBytes: 640,
        distinctLines: 13,
        levels: [{ fetchedLines: 2 + 11, writtenLines: 11 }],
      },
    });
  });

  it("counts lines alone where there is no level", () => {
    const cache = newCache();
    startCache(cache, [], [], TRACED_BYTES);
    for (const address of [0, 64, 0, 8]) cache.cacheAccess(address, 4, 1);
    cache.cacheFlush();
    expect(readCache(cache, [], []).other).toEqual({
      name: "other",
      loadBytes: 0,
      storeBytes: 16,
      distinctLines: 2,
      levels: [],
    });
  });

  it("asks the next level for what one lacks, and writes changed lines to it", () => {
    const cache = newCache();
    const levels = [cacheGeometry(1024, 2, 64), cacheGeometry(8192, 4, 64)];
    const ranges = [{ name: "kv", begin: 0, end: 4096 }];
    startCache(cache, levels, ranges, TRACED_BYTES);
    // 4 KiB twice: the first level keeps 1 KiB of it, the second all. The second pass changes every line.
    for (const address of stream(4096)) cache.cacheAccess(address, 4, 0);
    for (const address of stream(4096)) cache.cacheAccess(address, 4, 1);
    const before = readCache(cache, levels, ranges).ranges[0];
    expect(before?.levels).toEqual([
      { fetchedLines: 128, writtenLines: 48 },
      { fetchedLines: 64, writtenLines: 0 },
    ]);
    cache.cacheFlush();
    expect(readCache(cache, levels, ranges).ranges[0]?.levels).toEqual([
      { fetchedLines: 128, writtenLines: 64 },
      { fetchedLines: 64, writtenLines: 64 },
    ]);
  });

  it("agrees with a plain model of several levels on random loads and stores", () => {
    const geometry = fc.record({
      lineBytes: fc.constant(64),
      sets: fc.integer({ min: 1, max: 9 }),
      ways: fc.integer({ min: 1, max: 6 }),
    });
    const access = fc.record({ line: fc.nat({ max: 120 }), isStore: fc.boolean() });
    const cache = newCache();
    fc.assert(
      fc.property(
        fc.array(geometry, { minLength: 1, maxLength: 3 }),
        fc.array(access, { maxLength: 400 }),
        (levels, accesses) => {
          startCache(cache, levels, [], TRACED_BYTES);
          for (const { line, isStore } of accesses) cache.cacheAccess(line * 64 + 8, 8, isStore ? 1 : 0);
          cache.cacheFlush();
          expect(readCache(cache, levels, []).other.levels).toEqual(plainCaches(levels, accesses));
        },
      ),
      { numRuns: 300 },
    );
  });

  it("traces to the end of 4 GiB, and traps beyond what it was told", () => {
    const end = 2 ** 32;
    const cache = newCache();
    const ranges = [{ name: "last", begin: end - 128, end }];
    startCache(cache, [small], ranges, end);
    cache.cacheAccess(end - 4, 4, 0);
    expect(readCache(cache, [small], ranges).ranges[0]).toMatchObject({ loadBytes: 4, distinctLines: 1 });
    startCache(cache, [small], [], TRACED_BYTES);
    expect(() => cache.cacheAccess(TRACED_BYTES, 4, 0)).toThrow(WebAssembly.RuntimeError);
  });

  it("grows its memory within the stated bound, and starts over", () => {
    const large = cacheGeometry(32 << 20, 16, 64);
    const cache = newCache();
    startCache(cache, [small, large], [], 2 ** 32);
    expect(memory.buffer.byteLength).toBeLessThanOrEqual(cacheStateBytes([small, large], 0, 2 ** 32) + 2 * 65536);
    cache.cacheAccess(0, 4, 1);
    startCache(cache, [small, large], [], 2 ** 32);
    cache.cacheFlush();
    const nothing = { fetchedLines: 0, writtenLines: 0 };
    expect(readCache(cache, [small, large], [])).toMatchObject({
      accesses: 0,
      other: { storeBytes: 0, distinctLines: 0, levels: [nothing, nothing] },
    });
  });

  it("refuses what it cannot model", () => {
    expect(() => cacheGeometry(4096, 4, 48)).toThrow(RangeError);
    const start = (levels: CacheGeometry[], ranges: AddressRange[] = []) =>
      startCache(newCache(), levels, ranges, 1 << 20);
    expect(() => start([small], [{ name: "kv", begin: 8, end: 4 }])).toThrow(/range kv/);
    expect(() => start([{ lineBytes: 64, sets: 1e9, ways: 16 }])).toThrow(/no memory/);
    expect(() => start([small, { lineBytes: 128, sets: 64, ways: 4 }])).toThrow(/two lengths/);
    expect(() => start([small], Array(128).fill({ name: "kv", begin: 0, end: 4 }))).toThrow(/at most 127/);
  });
});

describe("cache model behind a traced kernel", () => {
  it("shows eight times the traffic where the KV cache is read anew for every block of eight heads", async () => {
    const wasm = await compile({ "attention.ts": ATTENTION }, "attention.ts", "--optimizeLevel", "3", "--noAssert");
    const [kvPtr, kvTokens, rowBytes, heads] = [4096, 128, 512, 64] as const;
    const ranges = [{ name: "kv", begin: kvPtr, end: kvPtr + kvTokens * rowBytes }];
    const missedBytes = (cacheBytes: number) => {
      const geometry = cacheGeometry(cacheBytes, 8, 64);
      const cache = newCache();
      startCache(cache, [geometry], ranges, TRACED_BYTES);
      const module = instantiate(wasm, { trace: true, access: cache.cacheAccess });
      module.run("readKeyValues", kvPtr, kvTokens, rowBytes, heads);
      expect(module.counts().loadBytes).toBe(kvTokens * rowBytes * heads);
      return readCache(cache, [geometry], ranges).ranges.map((range) => fetched(range) * 64)[0];
    };
    expect(missedBytes(128 * 1024)).toBe(kvTokens * rowBytes);
    expect(missedBytes(16 * 1024)).toBe(8 * kvTokens * rowBytes);
  });
});
