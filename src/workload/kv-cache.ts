import type { AttentionSpec, LinearSpec, ModelCard, Span } from "../model/card.ts";

export type { Span } from "../model/card.ts";

/**
 * What a cache row holds: bare `values`, as the report counts them, or `scaledValues`, our int8 format,
 * which keeps two float32 scales per token and KV head (one for k and one for v; MLA: for the latent and the RoPE part).
 */
export type KvFormat = "values" | "scaledValues";

const SCALE_BYTES_PER_KV_HEAD = 2 * 4;

const BITS_PER_BYTE = 8;

/** The state of linear attention is kept in float32. @source Step-3 report, Table 2 (MiniMax M1) */
const STATE_BYTES_PER_ELEMENT = 4;

/** Cached tokens that a query attends to; for a chunked layer the most it can be. */
export function attendedTokens(span: Span, contextTokens: number): number {
  return span.kind === "full" ? contextTokens : Math.min(span.tokens, contextTokens);
}

/** The first cached token that a query sees whose own is the last of contextTokens. */
export function firstAttendedToken(span: Span, contextTokens: number): number {
  switch (span.kind) {
    case "full":
      return 0;
    case "sliding":
      return Math.max(0, contextTokens - span.tokens);
    case "chunked":
      return Math.floor(Math.max(0, contextTokens - 1) / span.tokens) * span.tokens;
  }
}

/** Elements of the state of linear attention in one layer. */
export function stateElements({ valueHeads, keyDim, valueDim }: LinearSpec): number {
  return valueHeads * keyDim * valueDim;
}

/** Cached elements per token of one layer; 0 for linear attention. @source Step-3 report, Table 2 */
function kvElementsPerToken(attention: AttentionSpec): number {
  switch (attention.kind) {
    case "linear":
      return 0;
    case "mla":
      return attention.kvRank + attention.ropeHeadDim;
    default:
      return 2 * attention.kvHeads * attention.headDim;
  }
}

/** Bytes of one token's cache row in one layer. Step-3 at 8 bits: 512 as bare values, 520 with scales. */
export function kvRowBytes(attention: AttentionSpec, bytesPerKvElement: number, format: KvFormat): number {
  const valueBytes = kvElementsPerToken(attention) * bytesPerKvElement;
  if (format === "values" || attention.kind === "linear") return valueBytes;
  const kvHeads = attention.kind === "mla" ? 1 : attention.kvHeads;
  return valueBytes + kvHeads * SCALE_BYTES_PER_KV_HEAD;
}

/**
 * Bytes of KV cache that one layer's attention reads for one token, or of state that it reads and writes.
 * A sliding or chunked layer reads what it attends to.
 * @source Step-3 report, Tables 2 and 3
 */
export function layerKvBytes(
  attention: AttentionSpec,
  contextTokens: number,
  bytesPerKvElement: number,
  format: KvFormat = "values",
): number {
  if (attention.kind === "linear") return 2 * stateElements(attention) * STATE_BYTES_PER_ELEMENT;
  return attendedTokens(attention.span, contextTokens) * kvRowBytes(attention, bytesPerKvElement, format);
}

/** Bytes that one cached token takes over all layers that keep it, with 8-bit elements in every one of them. */
export function kvBytesPerCachedToken(card: ModelCard): number {
  return card.layers.reduce((total, { attention }) => total + kvRowBytes(attention, 1, "values"), 0);
}

/**
 * KV and state bytes that decoding one token moves over all layers: with `kvBits` a cached element in every layer, or,
 * where that is left out, with the bits that the card gives each layer. The state of linear attention stays in float32.
 * @source Step-3 report, Tables 2 and 3
 */
export function kvBytesReadPerToken(card: ModelCard, contextTokens: number, kvBits?: number): number {
  return card.layers.reduce(
    (total, { attention }) => total + layerKvBytes(attention, contextTokens, kvElementBytes(attention, kvBits)),
    0,
  );
}

function kvElementBytes(attention: AttentionSpec, kvBits: number | undefined): number {
  if (attention.kind === "linear") return 0;
  return (kvBits ?? attention.kvBits) / BITS_PER_BYTE;
}
