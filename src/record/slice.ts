/** A piece of time in which an instance or its link was busy: what traces and timelines are made of. */
export interface Slice {
  readonly side: "attention" | "ffn";
  /** From 0 on each side. */
  readonly instance: number;
  /** `sending` and `receiving` are the two directions of an instance's link; an `outage` ends in recovery. */
  readonly lane: "compute" | "sending" | "receiving" | "outage";
  readonly microBatch: number;
  readonly step: number;
  readonly layer: number;
  readonly startNs: number;
  readonly endNs: number;
}
