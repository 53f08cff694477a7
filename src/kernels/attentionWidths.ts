import type { DecodeAttention } from "./decodeAttention.ts";

/** Widths of an attention's rows, in elements. */
export interface AttentionWidths {
  /** Elements of one head's query. */
  readonly queryHead: number;
  /** What is projected and, but for RoPE and norms, appended to the caches of one sequence. */
  readonly keyValue: number;
  /** What the output projection reads. */
  readonly attended: number;
}

export function attentionWidths(attention: DecodeAttention): AttentionWidths {
  switch (attention.kind) {
    case "grouped": {
      const { queryHeads, kvHeads, headDim } = attention;
      return { queryHead: headDim, keyValue: 2 * kvHeads * headDim, attended: queryHeads * headDim };
    }
    case "latent": {
      const { queryHeads, kvRank, nopeHeadDim, ropeHeadDim, valueHeadDim } = attention;
      return {
        queryHead: nopeHeadDim + ropeHeadDim,
        keyValue: kvRank + ropeHeadDim,
        attended: queryHeads * valueHeadDim,
      };
    }
  }
}

/** The longest row that is packed, or made before it is appended to a cache. */
export function widestRow(attention: DecodeAttention, hidden: number): number {
  const { queryRank = 0 } = attention;
  const { attended } = attentionWidths(attention);
  const { kvRank, nopeHeadDim } = attention.kind === "latent" ? attention : { kvRank: 0, nopeHeadDim: 0 };
  return Math.max(hidden, attended, queryRank, kvRank, nopeHeadDim);
}

/** Output columns of all projections, of latent attention with the absorbed ones of each head. */
export function projectionColumns(attention: DecodeAttention, hidden: number): number {
  const { queryHeads, queryRank = 0 } = attention;
  const { queryHead, keyValue } = attentionWidths(attention);
  const absorbed = attention.kind === "grouped" ? 0 : attention.kvRank + attention.valueHeadDim;
  return queryRank + keyValue + queryHeads * (queryHead + absorbed) + hidden;
}
