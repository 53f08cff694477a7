import fc from "fast-check";
import type { PipelineTimes } from "../../src/theory/pipeline.ts";

/** Any stage times from a microsecond to ten milliseconds, and links that may be busier than either stage. */
export function anyTimes(): fc.Arbitrary<PipelineTimes> {
  const ns = fc.integer({ min: 1_000, max: 10_000_000 });
  const maybeNs = fc.oneof(fc.constant(0), ns);
  const transfer = fc.record({ latencyNs: maybeNs, attentionLinkNs: maybeNs, ffnLinkNs: maybeNs });
  return fc.record({ attentionNs: ns, a2f: transfer, ffnNs: ns, f2a: transfer });
}

/** Transfers of a latency that keep no link busy. */
export function latencies(attentionNs: number, a2fNs: number, ffnNs: number, f2aNs: number): PipelineTimes {
  const transfer = (latencyNs: number) => ({ latencyNs, attentionLinkNs: 0, ffnLinkNs: 0 });
  return { attentionNs, a2f: transfer(a2fNs), ffnNs, f2a: transfer(f2aNs) };
}
