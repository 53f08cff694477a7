/** What an instance notes of each stage that it runs. Times are nanoseconds on the shared clock. */
export interface StageEntry {
  readonly step: number;
  readonly layer: number;
  readonly microBatch: number;
  /** When the instance began to wait for the stage's input. */
  readonly waitNs: number;
  /** When the last part of its input was pushed, and when all of it could be used: past the network. */
  readonly pushedNs: number;
  readonly usableNs: number;
  /** When the instance went to work. */
  readonly beginNs: number;
  readonly endNs: number;
  /** When its own message had been pushed. */
  readonly sentNs: number;
  /** The peer whose part came last, and by how much after the first part. */
  readonly lastPeer: number;
  readonly spreadNs: number;
  /** Other micro-batches that were waiting, complete. */
  readonly queued: number;
  /** 1: a restarted instance ran it once more, as the memory that held it was lost. */
  readonly redone: number;
}

const fields = [
  "step",
  "layer",
  "microBatch",
  "waitNs",
  "pushedNs",
  "usableNs",
  "beginNs",
  "endNs",
  "sentNs",
  "lastPeer",
  "spreadNs",
  "queued",
  "redone",
] as const satisfies readonly (keyof StageEntry)[];

/** Stages that a log keeps; of longer runs the last ones. */
const mostStages = 32_768;

/** Bytes of the log of an instance that runs so many stages. */
export function stageLogBytes(stages: number): number {
  return (1 + Math.min(stages, mostStages) * fields.length) * 8;
}

/** A log in shared memory: written by the instance without allocating, read by the driver. Entry 0 counts the stages so far. */
export class StageLog {
  readonly #values: Float64Array<SharedArrayBuffer>;
  readonly #capacity: number;

  constructor(buffer: SharedArrayBuffer) {
    this.#values = new Float64Array(buffer);
    this.#capacity = (this.#values.length - 1) / fields.length;
  }

  add(entry: StageEntry): void {
    const count = this.#values[0] as number;
    const at = 1 + (count % this.#capacity) * fields.length;
    for (let field = 0; field < fields.length; field++)
      this.#values[at + field] = entry[fields[field] as keyof StageEntry];
    this.#values[0] = count + 1;
  }

  /** Stages that were run, kept or not. */
  get count(): number {
    return this.#values[0] as number;
  }

  /** The entries that are kept, oldest first. */
  read(): StageEntry[] {
    const kept = Math.min(this.count, this.#capacity);
    return Array.from({ length: kept }, (_, index) => {
      const at = 1 + ((this.count - kept + index) % this.#capacity) * fields.length;
      const entry: Record<string, number> = {};
      for (const [field, name] of fields.entries()) entry[name] = this.#values[at + field] as number;
      return entry as unknown as StageEntry;
    });
  }
}
