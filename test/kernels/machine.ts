import type { Buffer as MemoryRange } from "../../src/kernels/arena.ts";
import type { Check, KernelCase } from "../../src/kernels/case.ts";
import { type KernelExports, kernelFunction } from "../../src/kernels/exports.ts";
import { readKernelModule } from "../../src/kernels/files.ts";
import { compileKernels, createMemory, instantiateKernels } from "../../src/kernels/load.ts";
import type { Step } from "../../src/kernels/program.ts";
import type { Target } from "../../src/kernels/target.ts";
import { plainTiles, type Tiles } from "../../src/kernels/tiles.ts";

/** A target's kernels on one memory, which many small cases use one after the other. */
export interface Machine {
  readonly exports: KernelExports;
  readonly memory: WebAssembly.Memory;
  /** Calls one kernel. */
  readonly call: (name: string, ...args: number[]) => number | bigint;
  /** Where the memory that cases have used ends. */
  usedEnd: number;
}

const machineBytes = 2 ** 26;
/** The module's own data lies below. */
export const firstFreeAddress = 65536;
/** Bytes beyond a case that must stay as they were. */
const guardBytes = 4096;

export function machineOf(target: Target, tiles: Tiles = plainTiles): Machine {
  const memory = createMemory(machineBytes);
  const exports = instantiateKernels(compileKernels(readKernelModule(target, "plain"), tiles), memory);
  return { exports, memory, call: (name, ...args) => kernelFunction(exports, name)(...args), usedEnd: 0 };
}

/** Zeroes the memory and makes a case's inputs. */
export function prepare(machine: Machine, kernelCase: KernelCase): void {
  const end = kernelCase.totalBytes + guardBytes;
  if (end > machineBytes) throw new Error(`${kernelCase.totalBytes} bytes are too many`);
  machine.usedEnd = Math.max(machine.usedEnd, end);
  new Uint8Array(machine.memory.buffer).fill(0, firstFreeAddress, machine.usedEnd);
  kernelCase.prepare(machine.exports, machine.memory);
}

/**
 * Runs the program of every rank up to its next barrier in turn, as threads that wait for each other would.
 *
 * @param order - the order of the ranks within a phase: what threads do between two barriers must not depend on it.
 * @throws where the ranks do not meet at the same number of barriers.
 */
export function runRanks(
  machine: Machine,
  kernelCase: KernelCase,
  ranks: number,
  order: "rising" | "falling" = "rising",
): void {
  const programs = Array.from({ length: ranks }, (_, rank) => phasesOf(kernelCase.steps(rank, ranks)));
  const phases = programs[0]?.length ?? 0;
  if (programs.some((program) => program.length !== phases)) throw new Error("ranks meet at different barriers");
  if (order === "falling") programs.reverse();
  for (let phase = 0; phase < phases; phase++) {
    for (const program of programs) {
      for (const step of program[phase] ?? []) if (step.kind === "call") machine.call(step.name, ...step.args);
    }
  }
}

/** Prepares a case, runs it on one thread and compares it with its reference. */
export function checked(machine: Machine, kernelCase: KernelCase): Check {
  prepare(machine, kernelCase);
  runRanks(machine, kernelCase, 1);
  return kernelCase.check(machine.memory);
}

/** Bytes that are not zero outside of the case's buffers: what a kernel wrote where it must not. */
export function strayBytes(machine: Machine, kernelCase: KernelCase): number {
  let stray = 0;
  let end = firstFreeAddress;
  const buffers = [...kernelCase.buffers, { address: kernelCase.totalBytes + guardBytes, bytes: 0 }];
  for (const { address, bytes } of buffers) {
    for (const byte of new Uint8Array(machine.memory.buffer, end, address - end)) if (byte !== 0) stray++;
    end = address + bytes;
  }
  return stray;
}

/** A case's buffer of that name. */
export function bufferOf(kernelCase: KernelCase, name: string): MemoryRange {
  const found = kernelCase.buffers.find((buffer) => buffer.name === name);
  if (found === undefined) throw new Error(`no buffer ${name}: ${kernelCase.buffers.map((each) => each.name)}`);
  return found;
}

/** A buffer's float32, to read or to write. */
export function floatsOf(machine: Machine, kernelCase: KernelCase, name: string): Float32Array {
  const { address, bytes } = bufferOf(kernelCase, name);
  return new Float32Array(machine.memory.buffer, address, bytes / 4);
}

/** Row `row` of a buffer of rows of `width` float32, padded to whole panels of 8 (what allocateRows lays out). */
export function rowOf(
  machine: Machine,
  kernelCase: KernelCase,
  name: string,
  width: number,
  row: number,
): Float32Array {
  const stride = Math.ceil(width / 8) * 8;
  return floatsOf(machine, kernelCase, name).subarray(row * stride, row * stride + width);
}

/** The bits of float32, as text: NaN and the sign of zero count. */
export function bits(values: Float32Array): string {
  return Buffer.from(values.slice().buffer).toString("hex");
}

/** What a run leaves behind in a case's buffers, but for scratch. */
export type Results = ReadonlyMap<string, Buffer>;

export function results(machine: Pick<Machine, "memory">, kernelCase: KernelCase): Results {
  const kept = kernelCase.buffers.filter(({ kind }) => kind !== "scratch");
  return new Map(
    kept.map(({ name, address, bytes }) => [name, Buffer.from(Buffer.from(machine.memory.buffer, address, bytes))]),
  );
}

/** Names of the buffers in which two results differ in a bit. */
export function differing(a: Results, b: Results): string[] {
  return [...a].filter(([name, bytes]) => !b.get(name)?.equals(bytes)).map(([name]) => name);
}

function phasesOf(steps: readonly Step[]): Step[][] {
  const phases: Step[][] = [[]];
  for (const step of steps) {
    if (step.kind === "barrier") phases.push([]);
    else phases.at(-1)?.push(step);
  }
  return phases;
}
