import { createArena } from "./arena.ts";
import { type KernelExports, kernelFunction } from "./exports.ts";
import { call, type Step } from "./program.ts";

/** A calibration loop: how much work one call of one thread does, and its program. */
export interface RoofLoop {
  readonly form: string;
  readonly totalBytes: number;
  /** FLOPs, int8 operations, bytes or adds of one call and thread. */
  readonly work: number;
  readonly prepare: (exports: KernelExports) => void;
  readonly steps: (rank: number) => Step[];
}

/** Steps of k in one tile: a of 6 rows, b of 8 columns and the tile together stay below 32 KiB. */
const tileSteps = 512;

/** Float32 multiply-add in five register tiles; the best of them is the roof. */
export function float32Forms(threads: number): RoofLoop[] {
  const repeats = 400;
  const tiles = [6, 5, 4, 3].map((rows) =>
    loop(`${rows}x8`, threads, 6 * tileSteps * 4 + tileSteps * 32 + 256, rows * 16 * tileSteps * repeats, (at) =>
      call(
        "roofTileF32",
        rows,
        at,
        at + 6 * tileSteps * 4,
        at + 6 * tileSteps * 4 + tileSteps * 32,
        tileSteps,
        repeats,
      ),
    ),
  );
  const wide = loop("3x16", threads, tileSteps * 12 + tileSteps * 64 + 256, 96 * tileSteps * repeats, (at) =>
    call("roofWideF32", at, at + tileSteps * 12, at + tileSteps * 76, tileSteps, repeats),
  );
  return [...tiles, wide];
}

/** Int8 dots in four register tiles. */
export function int8Forms(threads: number): RoofLoop[] {
  const repeats = 400;
  return [6, 5, 4, 3].map((rows) =>
    loop(`${rows}x8`, threads, 6 * tileSteps * 4 + tileSteps * 32 + 256, rows * 64 * tileSteps * repeats, (at) =>
      call(
        "roofTileInt8",
        rows,
        at,
        at + 6 * tileSteps * 4,
        at + 6 * tileSteps * 4 + tileSteps * 32,
        tileSteps,
        repeats,
      ),
    ),
  );
}

/** Dependent 64-bit operations, one a cycle. */
export function clockLoop(): RoofLoop {
  const rounds = 100_000;
  const arena = createArena();
  return {
    form: "chain",
    totalBytes: arena.totalBytes(),
    work: rounds * 32,
    prepare: () => {},
    steps: () => [call("clockCycles", rounds)],
  };
}

/** Reads of `bytes` a thread, as often as makes at least 64 MiB. */
export function readLoop(bytes: number, threads: number): RoofLoop {
  const size = Math.max(128, Math.floor(bytes / 128) * 128);
  const repeats = Math.max(1, Math.ceil(2 ** 26 / size));
  return loop(`${size}`, threads, size, size * repeats, (at) => call("readBytes", at, size, repeats));
}

function loop(form: string, threads: number, bytes: number, work: number, step: (address: number) => Step): RoofLoop {
  const arena = createArena();
  const buffers = Array.from({ length: threads }, (_, rank) => arena.allocate(`roof${rank}`, "scratch", bytes));
  return {
    form,
    totalBytes: arena.totalBytes(),
    work,
    prepare(exports) {
      for (const buffer of buffers)
        kernelFunction(exports, "fillUniform")(buffer.address, Math.floor(bytes / 16) * 4, 1, 0, 1);
    },
    steps: (rank) => [step((buffers[rank] as (typeof buffers)[number]).address)],
  };
}
