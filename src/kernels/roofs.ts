import { createArena } from "./arena.ts";
import { type KernelExports, kernelFunction } from "./exports.ts";
import { call, type Step } from "./program.ts";
import type { Int8Dot, PanelsAtOnce } from "./tiles.ts";

/** A calibration loop: how much work one call of one thread does, and its program. */
export interface RoofLoop {
  readonly form: string;
  readonly totalBytes: number;
  /** FLOPs, int8 operations, bytes or adds of one call and thread. */
  readonly work: number;
  readonly prepare: (exports: KernelExports) => void;
  readonly steps: (rank: number) => Step[];
}

/** Steps of k in one tile: a of 6 rows, b of 16 columns and the tile together stay below 32 KiB. */
const tileSteps = 256;
const repeats = 800;

/** Rows and panels of a register tile. */
interface TileForm {
  readonly rows: number;
  readonly panels: PanelsAtOnce;
}

/** The tiles that are tried: those that keep both multiply-add units busy in 16 registers of 128, or of 256 bits. */
const tileForms: readonly TileForm[] = [
  { rows: 6, panels: 1 },
  { rows: 5, panels: 1 },
  { rows: 4, panels: 1 },
  { rows: 6, panels: 2 },
  { rows: 5, panels: 2 },
  { rows: 4, panels: 2 },
];

/** Float32 multiply-add in each register tile; the best of them is the roof. */
export function float32Forms(threads: number): RoofLoop[] {
  return tileForms.map((form) => float32Loop(form, threads));
}

export function float32Loop({ rows, panels }: TileForm, threads: number): RoofLoop {
  return tileLoop(`${rows}x${8 * panels}`, { rows, panels }, threads, 16, (...places) =>
    call("roofTileF32", rows, panels, ...places),
  );
}

/** Int8 dots in each register tile and each form of the dot that the target has. */
export function int8Forms(threads: number, dots: readonly Int8Dot[]): RoofLoop[] {
  return dots.flatMap((dot) => tileForms.map((form) => int8Loop(form, dot, threads)));
}

export function int8Loop({ rows, panels }: TileForm, dot: Int8Dot, threads: number): RoofLoop {
  const name = `${rows}x${8 * panels}${dot === "inPairs" ? " in pairs" : ""}`;
  return tileLoop(name, { rows, panels }, threads, 64, (...places) =>
    call("roofTileInt8", dot === "inPairs" ? 1 : 0, rows, panels, ...places),
  );
}

function tileLoop(
  name: string,
  { rows, panels }: TileForm,
  threads: number,
  workPerStep: number,
  step: (...places: number[]) => Step,
): RoofLoop {
  const aBytes = 6 * tileSteps * 4;
  const bBytes = panels * tileSteps * 32;
  const cBytes = rows * panels * 32;
  return loop(name, threads, aBytes + bBytes + cBytes, rows * panels * workPerStep * tileSteps * repeats, (at) =>
    step(at, at + aBytes, at + aBytes + bBytes, tileSteps, repeats),
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
