import { allocatePacked, allocateRows, type PackedRows, type Rows } from "./activations.ts";
import type { Arena } from "./arena.ts";
import { allocateCoreScratch, type CoreBuffers } from "./attentionBuffers.ts";
import { mostPartsOf } from "./attentionParts.ts";
import { type CoreDims, resolveCore } from "./attentionShape.ts";
import { attentionWidths } from "./attentionWidths.ts";
import type { DecodeAttention, LatentAttention } from "./decodeAttention.ts";
import { type KvDtype, kvFormats } from "./kvFormat.ts";
import type { WeightDtype } from "./weights.ts";

/** Working rows of a layer's attention; layers of one shape that run one after the other share them. */
export interface AttentionRows extends NormedRows {
  readonly attention: DecodeAttention;
  /** A query of low rank, then what is appended: keys and values, or the latent and the key beside it. */
  readonly projected: Rows;
  /** The query of low rank, normed. */
  readonly lowQuery: Rows | undefined;
  readonly lowQueryPacked: PackedRows | undefined;
  /** Queries and outputs of the core, rows of heads: sequences x queryHeads. */
  readonly q: Rows;
  readonly out: Rows;
  /** What the output projection reads: sequences, each with all heads. */
  readonly attended: Rows;
  readonly attendedPacked: PackedRows;
  readonly coreScratch: Pick<CoreBuffers, "states" | "parts" | "scratch">;
  readonly latent: LatentRows | undefined;
}

/** The layer's input, normed: layers of any shape may share them. */
export interface NormedRows {
  readonly normed: Rows;
  readonly normedPacked: PackedRows;
}

/** What latent attention works in beside. */
export interface LatentRows {
  /** Sequences, each with all heads' elements that have no positions. */
  readonly queryNope: Rows;
  /** [head] */
  readonly nopePacked: readonly PackedRows[];
  readonly outPacked: readonly PackedRows[];
}

/** How layers are stored: projections, and what is cached. */
export interface StoredAttention {
  readonly weightDtype: WeightDtype;
  readonly kvDtype: KvDtype;
  readonly seed: number;
}

export function allocateNormed(arena: Arena, stored: WeightDtype, rows: number, hidden: number): NormedRows {
  return {
    normed: allocateRows(arena, "normed", rows, hidden),
    normedPacked: allocatePacked(arena, "normed", stored, rows, hidden),
  };
}

/** @param kvTokens - cached tokens of each sequence, at most. */
export function allocateAttentionRows(
  arena: Arena,
  attention: DecodeAttention,
  stored: StoredAttention,
  { normed, normedPacked }: NormedRows,
  kvTokens: readonly number[],
): AttentionRows {
  const { queryHeads, queryRank, span } = attention;
  const { weightDtype } = stored;
  const rows = kvTokens.length;
  const { keyValue, attended: width } = attentionWidths(attention);
  const dims = coreDimsOf(stored, attention, kvTokens);
  const { keyDim, valueDim } = dims.cache;
  const tokens = Math.max(...kvTokens);
  const attendedTokens = span.kind === "full" ? tokens : Math.min(tokens, span.tokens);
  const out = allocateRows(arena, "attentionOut", rows * queryHeads, valueDim);
  const latent = attention.kind === "latent" ? allocateLatent(arena, weightDtype, attention, rows) : undefined;
  return {
    ...{ attention, normed, normedPacked, out, latent },
    projected: allocateRows(arena, "projected", rows, (queryRank ?? 0) + keyValue),
    lowQuery: queryRank === undefined ? undefined : allocateRows(arena, "lowQuery", rows, queryRank),
    lowQueryPacked:
      queryRank === undefined ? undefined : allocatePacked(arena, "lowQuery", weightDtype, rows, queryRank),
    q: allocateRows(arena, "q", rows * queryHeads, keyDim),
    // Heads of a sequence lie one after the other: rows of the core are columns of these.
    attended:
      latent === undefined
        ? { ...out, rows, width, strideBytes: width * 4 }
        : allocateRows(arena, "attended", rows, width),
    attendedPacked: allocatePacked(arena, "attended", weightDtype, rows, width),
    coreScratch: allocateCoreScratch(arena, dims, mostPartsOf(attendedTokens) - 1),
  };
}

/** The core of a layer over sequences of so many cached tokens. */
export function coreDimsOf(
  { kvDtype, seed }: Omit<StoredAttention, "weightDtype">,
  attention: DecodeAttention,
  kvTokens: readonly number[],
): CoreDims {
  const { queryHeads, span, softmaxScale: scale } = attention;
  const dtypes = { dtype: kvFormats[kvDtype].dtype, kvDtype };
  const shared = { batch: kvTokens.length, kvTokens, ...dtypes, seed, queryHeads, span, scale };
  switch (attention.kind) {
    case "grouped": {
      const { kvHeads, headDim, sinks } = attention;
      return resolveCore({ ...shared, kvHeads, headDim, sinks: sinks ? "perHead" : "none" });
    }
    case "latent": {
      const { kvRank, ropeHeadDim } = attention;
      return resolveCore({ ...shared, kvHeads: 1, headDim: kvRank, ropeHeadDim });
    }
  }
}

function allocateLatent(
  arena: Arena,
  weightDtype: WeightDtype,
  { queryHeads, nopeHeadDim, kvRank }: LatentAttention,
  rows: number,
): LatentRows {
  const perHead = (name: string, width: number): PackedRows[] => {
    const all = allocatePacked(arena, name, weightDtype, rows * queryHeads, width);
    return Array.from({ length: queryHeads }, (_, head) => ({
      ...all,
      address: all.address + head * rows * all.rowBytes,
      scales: all.scales === 0 ? 0 : all.scales + head * rows * 4,
    }));
  };
  return {
    queryNope: allocateRows(arena, "queryNopeRows", rows, queryHeads * nopeHeadDim),
    nopePacked: perHead("queryNope", nopeHeadDim),
    outPacked: perHead("attentionOut", kvRank),
  };
}
