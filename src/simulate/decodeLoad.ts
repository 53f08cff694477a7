/** What a cluster decodes: asked at the end of every step of a micro-batch. */
export interface DecodeLoad {
  /** Factors on the times of a full micro-batch: of attention [instance x micro-batches + micro-batch]. */
  readonly attention: Float64Array;
  /** Of the FFN, and of all transfers, [micro-batch]. */
  readonly ffn: Float64Array;
  readonly transfer: Float64Array;
  /** Whether utilization is counted from here on: false while the pipeline fills and drains. */
  readonly measuring: boolean;
  /**
   * Ends the step of a micro-batch that is under way, if one is. Gives `nowNs` to start the next one, a later time to be
   * asked again then, undefined never to be. The factors hold for the step that starts.
   */
  nextStep(microBatch: number, nowNs: number): number | undefined;
}
