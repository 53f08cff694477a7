/** What a range of memory holds: measured intensity counts the bytes of `kv` and `weights`. */
export type RangeKind = "weights" | "kv" | "activations" | "scratch";

/** A named range of a kernel's memory. */
export interface Buffer {
  readonly name: string;
  readonly kind: RangeKind;
  readonly address: number;
  readonly bytes: number;
}

/** Lays out buffers one after the other before any memory exists, so that what is needed is known first. */
export interface Arena {
  allocate(name: string, kind: RangeKind, bytes: number): Buffer;
  readonly buffers: readonly Buffer[];
  readonly totalBytes: () => number;
}

/** The first 64 KiB hold the module's own data; buffers begin behind them. */
export const firstAddress = 65536;
/** Buffers begin on a line of their own, two lines apart, so that no vector straddles and no line is shared. */
const alignment = 128;

/** An empty arena. Buffers end with one spare line: vector loads of a last partial group stay inside. */
export function createArena(): Arena {
  const buffers: Buffer[] = [];
  let end = firstAddress;
  return {
    allocate(name, kind, bytes) {
      const buffer = { name, kind, address: end, bytes };
      end += Math.ceil((bytes + 64) / alignment) * alignment;
      buffers.push(buffer);
      return buffer;
    },
    buffers,
    totalBytes: () => end,
  };
}
