import type { AttentionSpec, ModelCard } from "../model/card.ts";

/**
 * What a cache row holds: bare `values`, as the report counts them, or `scaledValues`, our int8 format,
 * which keeps two float32 scales per token and KV head (one for k and one for v; MLA: for the latent and the RoPE part).
 */
export type KvFormat = "values" | "scaledValues";

const SCALE_BYTES_PER_KV_HEAD = 2 * 4;

/** Bytes per element of the 8-bit cache that the report counts with. @source Step-3 report, section 4 */
const EIGHT_BIT_BYTES = 1;

/** Cached elements per token of one layer. @source Step-3 report, Table 2 */
function kvElementsPerToken(attention: AttentionSpec): number {
  if (attention.kind === "mla") return attention.kvRank + attention.ropeHeadDim;
  return 2 * attention.kvHeads * attention.headDim;
}

/** Bytes of one token's cache row in one layer. Step-3 at 8 bits: 512 as bare values, 520 with scales. */
export function kvRowBytes(attention: AttentionSpec, bytesPerKvElement: number, format: KvFormat): number {
  const valueBytes = kvElementsPerToken(attention) * bytesPerKvElement;
  if (format === "values") return valueBytes;
  const kvHeads = attention.kind === "mla" ? 1 : attention.kvHeads;
  return valueBytes + kvHeads * SCALE_BYTES_PER_KV_HEAD;
}

/** Bytes that one cached token takes over all layers, with 8-bit elements. */
export function kvBytesPerCachedToken(card: ModelCard): number {
  return card.layers.reduce((total, { attention }) => total + kvRowBytes(attention, EIGHT_BIT_BYTES, "values"), 0);
}

/** KV bytes that decoding one token reads over all layers, with 8-bit elements. @source Step-3 report, Tables 2 and 3 */
export function kvBytesReadPerToken(card: ModelCard, contextTokens: number): number {
  return kvBytesPerCachedToken(card) * contextTokens;
}
