import type { CoreDims } from "./attentionShape.ts";
import { blockTokens } from "./kvCache.ts";
import { type Share, shareOf } from "./program.ts";

/** Threads that one core runs on at most. */
export const mostRanks = 64;
/** Parts that one sequence's context is split into at most. */
const mostParts = 8;
/** Blocks of a part at least: a part costs a softmax that begins anew and a fold, 0 to 3% of the time at 4096 tokens (measured). */
const leastPartBlocks = 4;

/** Some query heads of one sequence and KV head, and their context's parts in order: what is folded into one output. */
export interface Strand {
  readonly sequence: number;
  readonly kvHead: number;
  /** Among the query heads of the KV head. */
  readonly heads: Share;
  readonly parts: readonly Share[];
  /** The rank that makes each part. */
  readonly owners: readonly number[];
  /** Whether one rank makes all parts, and folds them at once. */
  readonly isWhole: boolean;
}

/**
 * The parts of an attended context: whole blocks, as many in each, by the context's own length alone. So the bits of a sequence depend
 * neither on its neighbours nor on the number of threads.
 */
export function partsOf({ first, last }: Share): readonly Share[] {
  const firstBlock = Math.floor(first / blockTokens);
  const blocks = Math.ceil(last / blockTokens) - firstBlock;
  const partTokens = Math.max(leastPartBlocks, Math.ceil(blocks / mostParts)) * blockTokens;
  const parts: Share[] = [];
  for (let begin = firstBlock * blockTokens; begin < last; begin += partTokens)
    parts.push({ first: Math.max(first, begin), last: Math.min(last, begin + partTokens) });
  return parts.length === 0 ? [{ first: 0, last: 0 }] : parts;
}

/** Parts that contexts of up to `tokens` attended tokens have at most, wherever they begin. */
export function mostPartsOf(tokens: number): number {
  const blocks = Math.ceil(tokens / blockTokens) + 1;
  return Math.min(mostParts, Math.ceil(blocks / leastPartBlocks));
}

/**
 * The core's work shared out among `ranks` threads: parts in order, each thread a run of them, by tokens. Where threads outnumber
 * the parts, each KV head's query heads are split, too, and every thread then reads the keys and values that it shares with others.
 */
export function strandsOf(dims: CoreDims, ranks: number): readonly Strand[] {
  const items = dims.attended.flatMap((attended, sequence) =>
    Array.from({ length: dims.kvHeads }, (_, kvHead) => ({ sequence, kvHead, parts: partsOf(attended) })),
  );
  const partCount = items.reduce((sum, { parts }) => sum + parts.length, 0);
  const splits = Math.min(dims.groupHeads, Math.ceil(ranks / partCount));
  const strands = items.flatMap((item) =>
    Array.from({ length: splits }, (_, split) => ({ ...item, heads: shareOf(dims.groupHeads, split, splits) })),
  );
  const total = strands.reduce((sum, { parts, heads }) => sum + weightOf(parts, heads), 0);
  let done = 0;
  return strands.map((strand) => {
    const owners = strand.parts.map((part) => {
      const weight = weightOf([part], strand.heads);
      const owner = Math.floor((ranks * (done + weight / 2)) / total);
      done += weight;
      return owner;
    });
    return { ...strand, owners, isWhole: owners.every((owner) => owner === owners[0]) };
  });
}

/** An empty context still has zeros to write. */
function weightOf(parts: readonly Share[], heads: Share): number {
  const tokens = parts.reduce((sum, { first, last }) => sum + last - first, 0);
  return Math.max(1, tokens) * (heads.last - heads.first);
}
