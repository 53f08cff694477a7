import { createArena } from "./arena.ts";
import { type KernelExports, kernelFunction } from "./exports.ts";
import { createMemory, instantiateKernels, type KernelModule } from "./load.ts";

/** Words of four bytes that a probe multiplies: every pair of these bytes meets in each of the four places. */
const weightBytes = [-128, -127, -64, -1, 0, 1, 63, 127];
const activationBytes = [0, 1, 63, 64, 65, 126, 127];
const steps = weightBytes.length * activationBytes.length;
const columns = 8;

/**
 * Tiles that are probed: of one row, which the engine's baseline compiler has made where nothing ran it before, and of six rows, which
 * calibration had its optimizing compiler make.
 */
const probedTiles = [
  { name: "tileInt8FusedRows1Columns8", rows: 1 },
  { name: "tileInt8InPairsRows1Columns8", rows: 1 },
  { name: "tileInt8FusedRows6Columns8", rows: 6 },
  { name: "tileInt8InPairsRows6Columns8", rows: 6 },
] as const;

/**
 * Whether this engine's int8 dot gives what it should for a second operand in 0..127, the edges of both operands among them. Engines are
 * free in what they do above 127; one has been seen that is wrong below (Node 20's baseline compiler).
 */
export function int8DotIsRight(kernels: KernelModule): boolean {
  const memory = createMemory(2 ** 17 + 2 ** 16);
  return dotIsRight(instantiateKernels(kernels, memory), memory);
}

/** The same for the exports of a module on a memory of at least 192 KiB. */
export function dotIsRight(exports: KernelExports, memory: WebAssembly.Memory): boolean {
  return probedTiles.every(({ name, rows }) => {
    const arena = createArena();
    const a = arena.allocate("a", "scratch", rows * steps * 4);
    const b = arena.allocate("b", "scratch", columns * steps * 4);
    const c = arena.allocate("c", "scratch", rows * columns * 4);
    const activations = new Uint8Array(memory.buffer, a.address, a.bytes);
    const weights = new Int8Array(memory.buffer, b.address, b.bytes);
    for (let index = 0; index < activations.length; index++) activations[index] = activationAt(index, rows);
    for (let index = 0; index < weights.length; index++) weights[index] = weightAt(index);
    kernelFunction(exports, name)(a.address, b.address, 0, c.address, columns * 4, steps, 0);
    const sums = new Int32Array(memory.buffer, c.address, rows * columns);
    return sums.every((sum, index) => sum === expectedSum(activations, weights, rows, index));
  });
}

/** Byte `index` of [step][row][4]: the step picks the value, row and place turn it, so that rows and places differ. */
function activationAt(index: number, rows: number): number {
  const [step, row, place] = [Math.floor(index / (4 * rows)), Math.floor(index / 4) % rows, index % 4];
  return activationBytes[(step + row + place) % activationBytes.length] as number;
}

/** Byte `index` of [step][column][4]. Two counts without a common factor: over all steps every value meets every other. */
function weightAt(index: number): number {
  const [step, column, place] = [Math.floor(index / (4 * columns)), Math.floor(index / 4) % columns, index % 4];
  return weightBytes[(step + column + place) % weightBytes.length] as number;
}

function expectedSum(activations: Uint8Array, weights: Int8Array, rows: number, index: number): number {
  const [row, column] = [Math.floor(index / columns), index % columns];
  let sum = 0;
  for (let step = 0; step < steps; step++) {
    for (let place = 0; place < 4; place++) {
      const activation = activations[(step * rows + row) * 4 + place] as number;
      sum += activation * (weights[(step * columns + column) * 4 + place] as number);
    }
  }
  return sum;
}
