import { sequencesOf } from "./decodeWork.ts";
import { type MessagePart, messageParts } from "./message.ts";
import { type Layouts, layoutsOf } from "./stageModel.ts";
import type { AttentionLayout, FfnLayout } from "./stages.ts";
import { type Division, divisionOf, type Work } from "./work.ts";

/** Registered messages of one instance, [peer][micro-batch]. */
export interface Wiring {
  readonly outgoing: readonly (readonly (readonly MessagePart[])[])[];
  readonly incoming: readonly (readonly (readonly MessagePart[])[])[];
}

/**
 * Registers the tensors that an instance sends and receives: an attention instance's rows go to the same sequences' rows in every
 * FFN instance's memory, and the partial sums of these rows come back.
 * @param memories of all instances, attention first
 */
export function wiring(
  work: Work,
  memories: readonly WebAssembly.Memory[],
  side: "attention" | "ffn",
  instance: number,
): Wiring {
  const division = divisionOf(work);
  const layouts = layoutsOf(work);
  const pair = (attention: number, ffn: number) => pairParts(division, layouts, memories, attention, ffn);
  if (side === "attention") {
    const pairs = Array.from({ length: division.ffnInstances }, (_, ffn) => pair(instance, ffn));
    return { outgoing: pairs.map(({ a2f }) => a2f), incoming: pairs.map(({ f2a }) => f2a) };
  }
  const pairs = Array.from({ length: division.attentionInstances }, (_, attention) => pair(attention, instance));
  return { outgoing: pairs.map(({ f2a }) => f2a), incoming: pairs.map(({ a2f }) => a2f) };
}

/** Messages of one pair in both directions, [micro-batch]. */
export function pairParts(
  division: Division,
  layouts: Layouts,
  memories: readonly WebAssembly.Memory[],
  attention: number,
  ffn: number,
): { readonly a2f: readonly (readonly MessagePart[])[]; readonly f2a: readonly (readonly MessagePart[])[] } {
  const attentionLayout = layouts.attention[attention] as AttentionLayout;
  const ffnLayout = layouts.ffn[ffn] as FfnLayout;
  const attentionMemory = bufferOf(memories[attention]);
  const ffnMemory = bufferOf(memories[division.attentionInstances + ffn]);
  const ends = division.microBatches.map(({ first }, microBatch) => {
    const own = sequencesOf(division, microBatch, attention);
    const rows = own.last - own.first;
    const atAttention = { memory: attentionMemory, range: { first: 0, rows } };
    const atFfn = { memory: ffnMemory, range: { first: own.first - first, rows } };
    return {
      a2f: messageParts(
        { ...atAttention, tensors: attentionLayout.sends[microBatch] ?? [] },
        { ...atFfn, tensors: ffnLayout.receives[microBatch] ?? [] },
      ),
      f2a: messageParts(
        { ...atFfn, tensors: ffnLayout.sends[microBatch] ?? [] },
        { ...atAttention, tensors: attentionLayout.receives[microBatch]?.[ffn] ?? [] },
      ),
    };
  });
  return { a2f: ends.map(({ a2f }) => a2f), f2a: ends.map(({ f2a }) => f2a) };
}

function bufferOf(memory: WebAssembly.Memory | undefined): SharedArrayBuffer {
  if (memory === undefined) throw new Error("an instance has no memory");
  return memory.buffer as unknown as SharedArrayBuffer;
}
