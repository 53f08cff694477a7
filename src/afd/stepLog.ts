import { crc32 } from "node:zlib";
import { batchOf, type Division } from "./work.ts";

/**
 * What a run keeps outside of its instances: a checksum of every sequence's output in every step, and, where instances may be
 * lost, the input of every layer, from which an instance's KV cache is made anew.
 *
 * Inputs: [step x layers + layer][sequence][width] float32, and after them the outputs of the last step.
 */
export interface StepLogBuffers {
  readonly checksums: SharedArrayBuffer;
  readonly inputs: SharedArrayBuffer | undefined;
}

/** Bytes of the inputs of a run. */
export function inputLogBytes(division: Division, width: number): number {
  return (division.steps * division.layers + 1) * batchOf(division) * width * 4;
}

export function createStepLog(division: Division, width: number, keeps: "checksums" | "inputs"): StepLogBuffers {
  return {
    checksums: new SharedArrayBuffer(Math.max(4, division.steps * batchOf(division) * 4)),
    inputs: keeps === "inputs" ? new SharedArrayBuffer(inputLogBytes(division, width)) : undefined,
  };
}

export class StepLog {
  readonly checksums: Uint32Array<SharedArrayBuffer>;
  readonly #inputs: Float32Array<SharedArrayBuffer> | undefined;
  readonly #batch: number;
  readonly #layers: number;
  readonly #width: number;

  constructor(division: Division, width: number, { checksums, inputs }: StepLogBuffers) {
    this.checksums = new Uint32Array(checksums);
    this.#inputs = inputs === undefined ? undefined : new Float32Array(inputs);
    this.#batch = batchOf(division);
    this.#layers = division.layers;
    this.#width = width;
  }

  /** Notes the outputs of a step: rows of sequences from `firstSequence` on. */
  addOutputs(step: number, firstSequence: number, rows: readonly Float32Array[]): void {
    for (let row = 0; row < rows.length; row++) {
      const { buffer, byteOffset, byteLength } = rows[row] as Float32Array;
      this.checksums[step * this.#batch + firstSequence + row] = crc32(new Uint8Array(buffer, byteOffset, byteLength));
    }
  }

  /** Keeps a layer's input, where inputs are kept. */
  addInput(step: number, layer: number, firstSequence: number, rows: readonly Float32Array[]): void {
    if (this.#inputs === undefined) return;
    for (let row = 0; row < rows.length; row++)
      this.#inputs.set(rows[row] as Float32Array, this.#at(step, layer, firstSequence + row));
  }

  /** Writes a kept input back. */
  readInput(step: number, layer: number, firstSequence: number, rows: readonly Float32Array[]): void {
    if (this.#inputs === undefined) throw new Error("no inputs are kept in this run");
    for (let row = 0; row < rows.length; row++) {
      const at = this.#at(step, layer, firstSequence + row);
      (rows[row] as Float32Array).set(this.#inputs.subarray(at, at + this.#width));
    }
  }

  #at(step: number, layer: number, sequence: number): number {
    return ((step * this.#layers + layer) * this.#batch + sequence) * this.#width;
  }
}
