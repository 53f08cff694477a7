import type { AttentionShape, KernelShape } from "../workload/kernelShape.ts";

/** Rows of a tile: fixed, or 64 up to 64 rows and 128 above (DeepGEMM and CUTLASS on Hopper). */
export type TileRows = 1 | 16 | 64 | 128 | "adaptive";

/** Columns of a tile whose rows are all that there are: narrow, so that there is one for every core. */
const TILE_COLUMNS = 128;

/** Tile rows that waves are counted in where none are padded to. */
const WAVE_TILE_ROWS = 128;

/** Query rows that one block of attention takes. */
const ATTENTION_BLOCK_ROWS = 64;

/** A split of the cache is not shorter than this. */
const SHORTEST_SPLIT_TOKENS = 256;

/** Rows of a masked group lie around `m`: DeepGEMM's own benchmark deals 0.7 to 1.3 of it, which routing is like. */
const UNEVEN_SHARES = Array.from({ length: 13 }, (_, index) => 0.7 + index * 0.05);

/** Rows that are computed and how many times more than are used. */
export interface PaddedRows {
  readonly paddedM: number;
  readonly paddingFactor: number;
}

/** How a kernel's tiles lie on the cores. */
export interface CoreUse {
  /** Tiles over cores times whole waves: below 1 where the last wave is not full. */
  readonly busyShare: number;
  /** Tiles in all; with fewer than cores some cores have none. */
  readonly tiles: number;
  /** Partial results that split-KV attention writes and reads again. */
  readonly combineBytes: number;
}

/** Rows of a product with its padding: tensor cores compute whole tiles. */
export function paddedRows(shape: KernelShape, tileRows: TileRows): PaddedRows {
  const used = usedRows(shape);
  const paddedM = Math.max(used, paddedTo(tileOf(tileRows, shape.kind, used), used, shape));
  return { paddedM, paddingFactor: paddedM / used };
}

/**
 * Waves over the cores, and what splitting a cache costs.
 *
 * @param wideTileColumns columns of a tile where a product has rows for more than one.
 */
export function coreUse(shape: KernelShape, cores: number, tileRows: TileRows, wideTileColumns: number): CoreUse {
  if ("kvTokens" in shape) return attentionUse(shape, cores);
  const used = usedRows(shape);
  const tileColumns = used > WAVE_TILE_ROWS ? wideTileColumns : TILE_COLUMNS;
  const rows = waveTileRows(tileRows, used);
  const groups = shape.kind === "moe-fused" ? shape.touchedExperts : shape.groups;
  const columns = shape.kind === "moe-fused" ? 2 * shape.expertDim : shape.n;
  const rowTiles = groups * Math.ceil(used / rows);
  const tiles = rowTiles * Math.ceil(columns / tileColumns);
  const waves = Math.ceil(tiles / cores);
  return {
    busyShare: (rowTiles * columns) / (waves * tileColumns * cores),
    tiles,
    combineBytes: 0,
  };
}

/** Rows that each weight matrix, or each KV head of a sequence, is multiplied with. */
function usedRows(shape: KernelShape): number {
  switch (shape.kind) {
    case "attention-decode":
    case "mla-decode":
      return (shape.queryHeads * shape.queryTokens) / shape.kvHeads;
    case "gemm":
    case "grouped-gemm":
      return shape.m;
    case "moe-fused":
      return shape.routedTokens / shape.touchedExperts;
  }
}

function tileOf(tileRows: TileRows, kind: KernelShape["kind"], used: number): number {
  if (tileRows !== "adaptive") return tileRows;
  if (kind === "attention-decode" || kind === "mla-decode") return ATTENTION_BLOCK_ROWS;
  return used <= 64 ? 64 : 128;
}

function paddedTo(tile: number, used: number, shape: KernelShape): number {
  if (tile <= 1) return used;
  const uneven = (shape.kind === "grouped-gemm" || shape.kind === "moe-fused") && shape.rows === "uneven";
  if (!uneven) return Math.ceil(used / tile) * tile;
  // Random routing spreads further than a benchmark's masks: on average half a tile is unused.
  if (shape.kind === "moe-fused") return used > tile / 2 ? used + tile / 2 : tile;
  const padded = UNEVEN_SHARES.map((share) => Math.max(1, Math.ceil((share * used) / tile)) * tile);
  return padded.reduce((sum, rows) => sum + rows, 0) / padded.length;
}

function waveTileRows(tileRows: TileRows, used: number): number {
  if (tileRows === "adaptive") return used <= 64 ? 64 : 128;
  return tileRows === 1 ? WAVE_TILE_ROWS : tileRows;
}

/** Each sequence and KV head is a block; where these do not fill the cores, the cache is split over several. */
function attentionUse(shape: AttentionShape, cores: number): CoreUse {
  const { batch, queryTokens, queryHeads, kvHeads, kvTokens, valueDim } = shape;
  const blocks = batch * kvHeads * Math.max(1, Math.ceil(usedRows(shape) / ATTENTION_BLOCK_ROWS));
  const wanted = Math.max(1, Math.floor(cores / blocks));
  const splits = Math.min(wanted, Math.max(1, Math.floor(kvTokens / SHORTEST_SPLIT_TOKENS)));
  const tiles = blocks * splits;
  // A partial result is float32, written once and read once.
  const combineBytes = splits === 1 ? 0 : 2 * 4 * batch * queryHeads * queryTokens * valueDim * splits;
  return { busyShare: tiles / (Math.ceil(tiles / cores) * cores), tiles, combineBytes };
}
