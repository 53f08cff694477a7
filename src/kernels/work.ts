import type { Rows } from "./activations.ts";
import { blockTokens, type KvCache } from "./kvCache.ts";
import { kvFormats } from "./kvFormat.ts";
import type { Share } from "./program.ts";
import { bytesPerWeightOf, type PackedWeight, panelColumns } from "./weights.ts";

/** What a case multiplies and reads, by its shape and as it is laid out: what counts of a run are held against. */
export interface CaseWork {
  /** Term of the workload that steps behind no mark of their own belong to. */
  readonly term: string;
  readonly products: readonly Product[];
  readonly tensors: readonly StoredTensor[];
  /** Terms without products of which only a part is done here; absent: none. */
  readonly partial?: readonly PartialTerm[];
}

/** A term of which only a part is done, because the rest of what it works on stands elsewhere. */
export interface PartialTerm {
  readonly term: string;
  readonly fraction: number;
  /** What stands here. */
  readonly detail: string;
}

/** `times` products [m, k] x [k, n], and how wide the tiles make n and k. */
export interface Product {
  readonly term: string;
  readonly name: string;
  readonly times: number;
  readonly m: number;
  readonly n: number;
  readonly k: number;
  readonly tiledN: number;
  readonly tiledK: number;
}

/** KV cache or weights of a term in one buffer: what of it a call reads. */
export interface StoredTensor {
  readonly term: string;
  readonly buffer: string;
  readonly kind: "kv" | "weights";
  /** Whether it is multiplied as a matrix; a vector (norm weights, biases) is in no formula. */
  readonly form: "matrix" | "vector";
  /** How many such tensors there are in the whole, where a part of them stands in memory. */
  readonly times: number;
  /** Bytes of the values alone. */
  readonly valueBytes: number;
  /** Bytes of scales and column sums beside them. */
  readonly besideBytes: number;
  /** What is touched, padding with it. */
  readonly extents: readonly Extent[];
}

/** Bytes begin..end (exclusive), counted from the begin of a cache line, that are touched in `times` places. */
export interface Extent {
  readonly begin: number;
  readonly end: number;
  readonly times: number;
}

/** FLOPs (or int8 operations) of a product's shape, and of what the tiles make of it. */
export function productFlops({ times, m, n, k, tiledN, tiledK }: Product): { shape: number; tiled: number } {
  return { shape: 2 * times * m * n * k, tiled: 2 * times * m * tiledN * tiledK };
}

/** Bytes that a call touches of a tensor, each once. */
export function touchedBytes({ extents, times }: StoredTensor): number {
  return times * extents.reduce((sum, { begin, end, times: places }) => sum + places * (end - begin), 0);
}

/** Bytes of the cache lines that hold them. */
export function lineBytesOf({ extents, times }: StoredTensor, lineBytes: number): number {
  const lines = extents.reduce(
    (sum, { begin, end, times: places }) => sum + places * (Math.ceil(end / lineBytes) - Math.floor(begin / lineBytes)),
    0,
  );
  return times * lines * lineBytes;
}

/** Where a product is not of a whole weight, or its weight stands for others. */
interface WeightUse {
  /** Columns that are no padding; absent: all. */
  readonly columns?: number;
  /** The first experts, which have rows; absent: all. */
  readonly experts?: number;
  readonly times?: number;
}

/** Product and tensor of a packed weight that `m` rows are multiplied with. */
export function weightWork(
  term: string,
  weight: PackedWeight,
  m: number,
  { columns = weight.columns, experts = weight.experts, times = 1 }: WeightUse = {},
): { product: Product; tensor: StoredTensor } {
  const { buffer, k, panels, steps, strideBytes, dtype } = weight;
  const isFloat = dtype === "f32";
  return {
    product: {
      ...{ term, name: buffer.name, times, m, n: columns, k },
      ...{ tiledN: panels * panelColumns, tiledK: isFloat ? k : steps * 4 },
    },
    tensor: {
      ...{ term, buffer: buffer.name, kind: "weights", form: "matrix", times },
      valueBytes: experts * columns * k * bytesPerWeightOf(dtype),
      besideBytes: isFloat ? 0 : experts * columns * 8,
      extents: [{ begin: 0, end: experts * strideBytes, times: 1 }],
    },
  };
}

/** A vector of weights: norm weights, biases; where formulas count it, a matrix of one row. */
export function vectorWork(
  term: string,
  rows: Rows,
  { form = "vector", experts = rows.rows, times = 1 }: WeightUse & { form?: StoredTensor["form"] } = {},
): StoredTensor {
  const valueBytes = experts * rows.width * 4;
  const extents = [{ begin: 0, end: Math.max(0, (experts - 1) * rows.strideBytes + rows.width * 4), times: 1 }];
  return {
    ...{ term, buffer: rows.buffer.name, kind: "weights", form, times, valueBytes, besideBytes: 0 },
    extents,
  };
}

/** What a core's cache holds of padding, and which of its tokens are attended to. */
interface AttendedCache {
  readonly cache: KvCache;
  readonly attended: readonly Share[];
  readonly queryHeadsPerKvHead: number;
  /** Elements of a key and of a value that are no padding. */
  readonly keyElements: number;
  readonly valueElements: number;
}

/** Both products of an attention core and its cache. */
export function coreWork(
  term: string,
  { cache, attended, queryHeadsPerKvHead: m, keyElements, valueElements }: AttendedCache,
): { products: readonly Product[]; tensor: StoredTensor } {
  const { kvHeads, keyDim, valueDim, layout } = cache;
  const { bits, dtype } = kvFormats[cache.kvDtype];
  const isInt8 = dtype === "int8";
  const products: Product[] = [];
  const extents = new Map<string, Extent>();
  let tokens = 0;
  for (const [share, sequences] of countedShares(attended)) {
    const times = sequences * kvHeads;
    const blocks = blocksOf(share);
    const scored = sum(blocks, ({ first, last }) => roundUp(last, 8) - roundDown(first, 8));
    const weighed = isInt8
      ? sum(blocks, ({ first, last }) => roundUp(last, 4) - roundDown(first, 4))
      : share.last - share.first;
    const of = { term, times, m };
    const attendedTokens = share.last - share.first;
    products.push({ ...of, name: "scores", n: attendedTokens, k: keyElements, tiledN: scored, tiledK: keyDim });
    products.push({ ...of, name: "values", n: valueElements, k: attendedTokens, tiledN: valueDim, tiledK: weighed });
    tokens += times * attendedTokens;
    for (const block of blocks) {
      for (const { begin, end } of blockExtents(cache, block)) {
        const key = `${begin} ${end}`;
        extents.set(key, { begin, end, times: (extents.get(key)?.times ?? 0) + times });
      }
    }
  }
  const elements = keyElements + (layout === "latent" ? 0 : valueElements);
  const tensor: StoredTensor = {
    ...{ term, buffer: cache.buffer.name, kind: "kv", form: "matrix", times: 1 },
    valueBytes: (tokens * elements * bits) / 8,
    besideBytes: isInt8 ? tokens * 8 : 0,
    extents: [...extents.values()],
  };
  return { products, tensor };
}

/** Equal contexts once, and how many sequences have each; empty ones are left out. */
function countedShares(attended: readonly Share[]): [Share, number][] {
  const counted = new Map<string, [Share, number]>();
  for (const share of attended) {
    if (share.first === share.last) continue;
    const key = `${share.first} ${share.last}`;
    counted.set(key, [share, (counted.get(key)?.[1] ?? 0) + 1]);
  }
  return [...counted.values()];
}

/** Attended tokens block by block, numbered within each. */
function blocksOf({ first, last }: Share): Share[] {
  const blocks: Share[] = [];
  for (let begin = roundDown(first, blockTokens); begin < last; begin += blockTokens)
    blocks.push({ first: Math.max(first - begin, 0), last: Math.min(blockTokens, last - begin) });
  return blocks;
}

/** What is read of a block (assembly/attention/cache.ts draws it): whole panels of keys, rows or words of values, scales of the panels. */
function blockExtents(
  { keyDim, valueDim, layout, kvDtype, valueOffset, scaleOffset }: KvCache,
  { first, last }: Share,
) {
  const { bits, dtype } = kvFormats[kvDtype];
  const isInt8 = dtype === "int8";
  const [from, to] = [roundDown(first, 8), roundUp(last, 8)];
  const extents = [{ begin: (from * keyDim * bits) / 8, end: (to * keyDim * bits) / 8 }];
  if (layout !== "latent") {
    const [begin, end] = isInt8 ? [roundDown(first, 4), roundUp(last, 4)] : [first, last];
    for (let panel = 0; panel < valueDim / 8; panel++) {
      const at = valueOffset + panel * blockTokens * bits;
      extents.push({ begin: at + begin * bits, end: at + end * bits });
    }
  }
  if (isInt8) {
    for (const at of [scaleOffset, scaleOffset + blockTokens * 4])
      extents.push({ begin: at + from * 4, end: at + to * 4 });
  }
  return extents;
}

function sum<Item>(items: readonly Item[], of: (item: Item) => number): number {
  return items.reduce((total, item) => total + of(item), 0);
}

function roundUp(value: number, step: number): number {
  return Math.ceil(value / step) * step;
}

function roundDown(value: number, step: number): number {
  return Math.floor(value / step) * step;
}
