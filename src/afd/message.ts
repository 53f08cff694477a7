import type { WireTensor } from "./stages.ts";

/** One registered piece of a message: bytes in the sender's memory, and where they go in the receiver's. */
export interface MessagePart {
  readonly source: Uint8Array<SharedArrayBuffer>;
  readonly target: Uint8Array<SharedArrayBuffer>;
  readonly layers: WireTensor["layers"];
}

/** Rows of a tensor. */
export interface RowRange {
  readonly first: number;
  readonly rows: number;
}

/**
 * The parts of the messages between two instances for one micro-batch: tensors of equal key, whose rows lie together on both
 * sides, so that a part is one copy. Made once; pushing a message makes nothing new.
 */
export function messageParts(
  from: { readonly memory: SharedArrayBuffer; readonly tensors: readonly WireTensor[]; readonly range: RowRange },
  to: { readonly memory: SharedArrayBuffer; readonly tensors: readonly WireTensor[]; readonly range: RowRange },
): readonly MessagePart[] {
  if (from.range.rows === 0) return [];
  return from.tensors.map(({ key, address, rowBytes, layers }) => {
    const target = to.tensors.find((tensor) => tensor.key === key);
    if (target === undefined || target.rowBytes !== rowBytes || target.layers !== layers)
      throw new Error(`the receiver has registered no tensor like ${key}`);
    const bytes = from.range.rows * rowBytes;
    return {
      source: new Uint8Array(from.memory, address + from.range.first * rowBytes, bytes),
      target: new Uint8Array(to.memory, target.address + to.range.first * rowBytes, bytes),
      layers,
    };
  });
}

/** Whether messages of a layer have a part. */
export function isCarried({ layers }: Pick<MessagePart, "layers">, isMoe: boolean): boolean {
  return isMoe || layers === "all";
}

/** Bytes of a message. */
export function messageBytes(parts: readonly MessagePart[], isMoe: boolean): number {
  let bytes = 0;
  for (const part of parts) if (isCarried(part, isMoe)) bytes += part.source.byteLength;
  return bytes;
}
