import type { DecodeAttention } from "./decodeWork.ts";

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
