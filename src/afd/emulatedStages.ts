import { sequencesOf } from "./decodeWork.ts";
import type { EmulatedWork } from "./emulatedWork.ts";
import { bitsOf } from "./seeded.ts";
import type { AttentionLayout, AttentionStages, FfnLayout, FfnStages, StagePlace, WireTensor } from "./stages.ts";

/**
 * Stages without kernels: rows of whole numbers in which every layer mixes what came, its own history (in place of a KV cache)
 * and the partial sums in their order. A message lost, doubled, stale or out of place changes them for good.
 *
 * Memory of an attention instance, in int32: for each micro-batch tokens, the layer's input, then partial sums of each FFN
 * instance; then the history [layer][own sequence][step + 1]. Of an FFN instance: tokens, then partial sums, for each micro-batch.
 */
export function layOutEmulatedAttention(work: EmulatedWork, instance: number): EmulatedAttentionLayout {
  const cursor = { at: 0 };
  const rowsOf = (key: string, microBatch: number): readonly WireTensor[] => {
    const { first, last } = sequencesOf(work, microBatch, instance);
    return [tensorAt(cursor, key, last - first, work.rowBytes)];
  };
  const perMicroBatch = work.microBatches.map((_, microBatch) => ({
    sends: rowsOf("tokens", microBatch),
    inputs: rowsOf("input", microBatch),
    receives: Array.from({ length: work.ffnInstances }, () => rowsOf("partialSums", microBatch)),
  }));
  const own = perMicroBatch.reduce((sum, { sends }) => sum + (sends[0] as WireTensor).rows, 0);
  return {
    memoryBytes: cursor.at + work.layers * own * (work.steps + 1) * 4,
    sends: perMicroBatch.map(({ sends }) => sends),
    inputs: perMicroBatch.map(({ inputs }) => inputs),
    receives: perMicroBatch.map(({ receives }) => receives),
  };
}

interface EmulatedAttentionLayout extends AttentionLayout {
  readonly inputs: readonly (readonly WireTensor[])[];
}

export function layOutEmulatedFfn(work: EmulatedWork): FfnLayout {
  const cursor = { at: 0 };
  const tensors = (key: string): readonly (readonly WireTensor[])[] =>
    work.microBatches.map(({ first, last }) => [tensorAt(cursor, key, last - first, work.rowBytes)]);
  const receives = tensors("tokens");
  return { receives, sends: tensors("partialSums"), memoryBytes: cursor.at };
}

export function bindEmulatedAttention(
  work: EmulatedWork,
  instance: number,
  memory: SharedArrayBuffer,
): AttentionStages {
  const layout = layOutEmulatedAttention(work, instance);
  const width = work.rowBytes / 4;
  const rowsAt = ([tensor]: readonly WireTensor[]): Int32Array[] => rowViews(memory, tensor as WireTensor);
  const tokens = layout.sends.map(rowsAt);
  const states = layout.inputs.map(rowsAt);
  const inputs = layout.inputs.map(([tensor]) => floatViews(memory, tensor as WireTensor));
  const partialSums = layout.receives.map((ofFfn) => ofFfn.map(rowsAt));
  const history = historyOf(work, memory, layout);

  function combine(microBatch: number): void {
    const rows = states[microBatch] as Int32Array[];
    const partials = partialSums[microBatch] as Int32Array[][];
    for (let ffn = 0; ffn < partials.length; ffn++) {
      for (let index = 0; index < rows.length; index++) {
        const row = rows[index] as Int32Array;
        const added = partials[ffn]?.[index] as Int32Array;
        for (let i = 0; i < width; i++) row[i] = (rotated(row[i] as number) + (added[i] as number)) | 0;
      }
    }
  }

  function begin(microBatch: number): void {
    const { first } = sequencesOf(work, microBatch, instance);
    for (const [index, row] of (states[microBatch] as Int32Array[]).entries())
      for (let i = 0; i < width; i++) row[i] = bitsOf(work.seed, first + index, i);
  }

  function attend(place: StagePlace): void {
    history.append(place, states[place.microBatch] as Int32Array[], tokens[place.microBatch] as Int32Array[]);
  }

  return {
    prepare() {
      new Int32Array(memory, 0, layout.memoryBytes >> 2).fill(0);
    },
    run(place) {
      if (place.step === 0 && place.layer === 0) begin(place.microBatch);
      else combine(place.microBatch);
      attend(place);
    },
    rerun: attend,
    append: attend,
    input: ({ microBatch }) => inputs[microBatch] as Float32Array[],
    finish(_step, microBatch) {
      combine(microBatch);
      return inputs[microBatch] as Float32Array[];
    },
  };
}

export function bindEmulatedFfn(work: EmulatedWork, instance: number, memory: SharedArrayBuffer): FfnStages {
  const layout = layOutEmulatedFfn(work);
  const width = work.rowBytes / 4;
  const rowsAt = ([tensor]: readonly WireTensor[]): Int32Array[] => rowViews(memory, tensor as WireTensor);
  const tokens = layout.receives.map(rowsAt);
  const partialSums = layout.sends.map(rowsAt);
  return {
    prepare() {
      new Int32Array(memory, 0, layout.memoryBytes >> 2).fill(0);
    },
    run({ step, layer, microBatch }) {
      const rows = tokens[microBatch] as Int32Array[];
      const salt = bitsOf(instance, step, layer);
      for (let index = 0; index < rows.length; index++) {
        const row = rows[index] as Int32Array;
        const out = partialSums[microBatch]?.[index] as Int32Array;
        for (let i = 0; i < width; i++) out[i] = Math.imul((row[i] as number) ^ salt, 0x9e3779b1);
      }
    },
  };
}

/** One number a layer, sequence and step that depends on all steps before: writing one again changes nothing. */
function historyOf(work: EmulatedWork, memory: SharedArrayBuffer, layout: AttentionLayout) {
  const firstRows: number[] = [];
  let own = 0;
  for (const sends of layout.sends) {
    firstRows.push(own);
    own += (sends[0] as WireTensor).rows;
  }
  const perSequence = work.steps + 1;
  const count = work.layers * own * perSequence;
  const values = new Int32Array(memory, layout.memoryBytes - count * 4, count);
  return {
    /** Mixes inputs with their history, keeps what comes of it as the history of this step, and makes tokens of both. */
    append(place: StagePlace, inputs: readonly Int32Array[], tokens: readonly Int32Array[]): void {
      const firstRow = firstRows[place.microBatch] as number;
      for (let index = 0; index < inputs.length; index++) {
        const row = inputs[index] as Int32Array;
        const out = tokens[index] as Int32Array;
        const at = (place.layer * own + firstRow + index) * perSequence + place.step;
        let mixed = values[at] as number;
        for (let i = 0; i < row.length; i++) mixed = Math.imul(rotated(mixed) ^ (row[i] as number), 0x85ebca6b);
        values[at + 1] = mixed;
        for (let i = 0; i < row.length; i++) out[i] = (row[i] as number) ^ mixed;
      }
    },
  };
}

function tensorAt(cursor: { at: number }, key: string, rows: number, rowBytes: number): WireTensor {
  const address = cursor.at;
  cursor.at += Math.ceil((rows * rowBytes) / 64) * 64;
  return { key, address, rowBytes, rows, layers: "all" };
}

function rowViews(memory: SharedArrayBuffer, { address, rowBytes, rows }: WireTensor): Int32Array[] {
  return Array.from({ length: rows }, (_, row) => new Int32Array(memory, address + row * rowBytes, rowBytes / 4));
}

function floatViews(memory: SharedArrayBuffer, { address, rowBytes, rows }: WireTensor): Float32Array[] {
  return Array.from({ length: rows }, (_, row) => new Float32Array(memory, address + row * rowBytes, rowBytes / 4));
}

function rotated(value: number): number {
  return (value << 5) | (value >>> 27);
}
