import type { PipelineTimes, TransferTimes } from "../theory/pipeline.ts";
import { PS_PER_NS } from "./picoseconds.ts";

/** Columns of the table of transfers, a row a layer. */
export const A2F_LATENCY = 0;
export const A2F_ATTENTION_LINK = 1;
export const A2F_FFN_LINK = 2;
export const F2A_LATENCY = 3;
export const F2A_ATTENTION_LINK = 4;
export const F2A_FFN_LINK = 5;
export const COLUMNS = 6;

/** Times of all transfers in picoseconds, [layer x COLUMNS + column]. */
export function transferTable(layers: readonly PipelineTimes[]): Float64Array {
  const columns = ({ latencyNs, attentionLinkNs, ffnLinkNs }: TransferTimes) => [latencyNs, attentionLinkNs, ffnLinkNs];
  const valuesNs = layers.flatMap(({ a2f, f2a }) => [...columns(a2f), ...columns(f2a)]);
  return Float64Array.from(valuesNs, (valueNs) => Math.round(valueNs * PS_PER_NS));
}
