/** Where a run stands: one layer of one micro-batch in one decode step, all from 0. */
export interface StagePlace {
  readonly step: number;
  readonly layer: number;
  readonly microBatch: number;
}

/**
 * Rows of one micro-batch in an instance's memory that messages are made of, registered before the run. Row r lies at
 * address + r x rowBytes.
 */
export interface WireTensor {
  /** Equal keys of a sender and a receiver belong together. */
  readonly key: string;
  readonly address: number;
  readonly rowBytes: number;
  readonly rows: number;
  /** Layers whose messages carry it. */
  readonly layers: "all" | "moe";
}

/** The memory of an attention instance, as its peers see it. */
export interface AttentionLayout {
  readonly memoryBytes: number;
  /** What goes to every FFN instance, [micro-batch]: rows are the instance's own sequences. */
  readonly sends: readonly (readonly WireTensor[])[];
  /** Partial sums that come from each FFN instance, [micro-batch][FFN instance]: rows as in `sends`. */
  readonly receives: readonly (readonly (readonly WireTensor[])[])[];
}

/** The memory of an FFN instance, as its peers see it. */
export interface FfnLayout {
  readonly memoryBytes: number;
  /** Tokens of all attention instances, [micro-batch]: rows are the micro-batch's sequences. */
  readonly receives: readonly (readonly WireTensor[])[];
  /** Partial sums of these rows, [micro-batch]. */
  readonly sends: readonly (readonly WireTensor[])[];
}

/**
 * What one thread of an attention instance runs. All threads of the instance call the same functions in the same order and
 * meet inside; none of them allocates in the steady state but for what a new decode step needs.
 */
export interface AttentionStages {
  /** Makes weights and cached tokens from the seed; on memory of any content. */
  prepare(): void;
  /**
   * Adds the partial sums that came to what the layer before gave (at a step's first layer also the final norm), then the
   * attention layer, its router where it has one, and the message. The very first step begins with seeded rows.
   */
  run(place: StagePlace): void;
  /** As `run`, from the layer's input, which stands in `input(place)` already. */
  rerun(place: StagePlace): void;
  /** Appends a layer's keys and values, from the layer's input in `input(place)`. */
  append(place: StagePlace): void;
  /** The input of the layer, once `run` is over and until the next stage of this micro-batch runs: rows x hidden. */
  input(place: StagePlace): readonly Float32Array[];
  /**
   * Ends a micro-batch after the last layer of a step: adds the partial sums that came, and gives the rows that the next
   * step would begin with (after the final norm).
   */
  finish(step: number, microBatch: number): readonly Float32Array[];
}

/** What one thread of an FFN instance runs; as for attention. */
export interface FfnStages {
  prepare(): void;
  /** Partial sums of the rows that came, in the order: the shared expert's slice, then experts by a token's slots. */
  run(place: StagePlace): void;
}
