import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { fileURLToPath } from "node:url";
import { beforeAll, describe, expect, it } from "vitest";
import { type CacheGeometry, cacheGeometry } from "../../src/measure/cacheModel.ts";
import { compileTraffic, SIDE, TILE, TRIAD, type TrafficKernel, traceTraffic } from "./trafficKernels.ts";

/** How far from the known traffic the model may be. */
const MOST_ERROR = 0.02;

const KIB = 1024;

/** What the C program caused in cachegrind once, and with what. */
interface Recorded {
  readonly with: string;
  readonly rows: readonly (CachegrindCase & { readonly missedLines: readonly number[] })[];
}

interface CachegrindCase {
  readonly kernel: TrafficKernel;
  /** Of D1 and LL: bytes, ways, bytes of a line. */
  readonly levels: readonly (readonly [number, number, number])[];
}

const RECORDED: Recorded = JSON.parse(readFileSync(new URL("./cachegrind.json", import.meta.url), "utf8"));

let modules: Awaited<ReturnType<typeof compileTraffic>>;

beforeAll(async () => {
  modules = await compileTraffic();
});

function trace(kernel: TrafficKernel, levels: readonly CacheGeometry[]) {
  return traceTraffic(modules, kernel, levels).levels;
}

function expectWithin(actual: number | undefined, expected: number): void {
  expect(Math.abs((actual ?? 0) / expected - 1)).toBeLessThan(MOST_ERROR);
}

describe("traffic that is known", () => {
  const arrayLines = (TRIAD * 8) / 64;
  const tileLines = (TILE * TILE * 4) / 64;
  const tiles = SIDE / TILE;

  it("a triad fetches three arrays into every level and writes one back", () => {
    for (const level of trace("triad", [cacheGeometry(32 * KIB, 8, 64), cacheGeometry(256 * KIB, 8, 64)])) {
      expectWithin(level.fetchedLines, 3 * arrayLines);
      expectWithin(level.writtenLines, arrayLines);
    }
  });

  it.each([
    // In an L1 of four tiles, a left and a right tile are fetched for each product of tiles, an output tile once.
    ["one row of left tiles", 128 * KIB, tiles ** 2 + tiles ** 3 + tiles ** 2],
    ["the right matrix", 512 * KIB, 3 * tiles ** 2],
  ])("a product in tiles, whose L2 holds %s", (_, l2Bytes, l2Tiles) => {
    const [l1, l2] = trace("tiledProduct", [cacheGeometry(16 * KIB, 4, 64), cacheGeometry(l2Bytes, 32, 64)]);
    expectWithin(l1?.fetchedLines, tileLines * (2 * tiles ** 3 + tiles ** 2));
    expectWithin(l1?.writtenLines, tileLines * tiles ** 2);
    expectWithin(l2?.fetchedLines, tileLines * l2Tiles);
    expectWithin(l2?.writtenLines, tileLines * tiles ** 2);
  });
});

describe("cachegrind", () => {
  const misses = ({ kernel, levels }: CachegrindCase) =>
    trace(
      kernel,
      levels.map(([bytes, ways, line]) => cacheGeometry(bytes, ways, line)),
    ).map(({ fetchedLines }) => fetchedLines);

  it.each(RECORDED.rows)("missed as often in $kernel, by record %#", (row) => {
    for (const [index, lines] of misses(row).entries()) expectWithin(lines, row.missedLines[index] ?? 0);
  });

  // Skipped where valgrind or a C compiler is not installed: the record above stands in.
  it.skipIf(!isInstalled("valgrind") || !isInstalled("cc"))("misses as often, run here", { timeout: 120_000 }, () => {
    const folder = mkdtempSync(`${tmpdir()}/cachegrind-`);
    try {
      const program = `${folder}/kernels`;
      const source = fileURLToPath(new URL("./trafficKernels.c", import.meta.url));
      execFileSync("cc", ["-O1", "-o", program, source]);
      for (const row of RECORDED.rows) {
        const missed = cachegrind(program, folder, row);
        for (const [index, lines] of misses(row).entries()) expectWithin(lines, missed[index] ?? 0);
      }
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});

/** Misses of D1 and of LL that a kernel adds to what the process misses anyway. */
function cachegrind(program: string, folder: string, { kernel, levels }: CachegrindCase): number[] {
  const [d1, ll] = levels.map((level) => level.join(","));
  const missesWith = (...args: string[]): number[] => {
    const out = `${folder}/out`;
    const options = ["--cache-sim=yes", "--I1=32768,8,64", `--D1=${d1}`, `--LL=${ll}`, `--cachegrind-out-file=${out}`];
    execFileSync("valgrind", ["--tool=cachegrind", ...options, program, ...args], { stdio: "ignore" });
    const lines = readFileSync(out, "utf8").split("\n");
    const valuesOf = (key: string) =>
      lines
        .find((line) => line.startsWith(key))
        ?.slice(key.length)
        .trim()
        .split(" ");
    const names = valuesOf("events:") ?? [];
    const values = valuesOf("summary:") ?? [];
    const count = (name: string) => Number(values[names.indexOf(name)]);
    return [count("D1mr") + count("D1mw"), count("DLmr") + count("DLmw")];
  };
  const idle = missesWith();
  return missesWith(...(kernel === "triad" ? ["x"] : ["x", "x"])).map((count, index) => count - (idle[index] ?? 0));
}

function isInstalled(program: string): boolean {
  try {
    execFileSync(program, ["--version"], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
}
