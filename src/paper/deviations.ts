import type { PaperTableName } from "./paperTables.ts";

/** A cell that the report prints otherwise than its own formulas give it, and why. */
export interface Deviation {
  readonly table: PaperTableName;
  readonly row: string;
  readonly column: string;
  /** What the formulas give, so that no other error can hide behind the entry. */
  readonly computed: string;
  readonly explanation: string;
}

/**
 * The cells that may be off, and no others. An entry that is not needed any more fails, as does a cell that is neither
 * what the report prints nor what stands here.
 */
export const DEVIATIONS: readonly Deviation[] = [
  {
    table: "table5",
    row: "H800",
    column: "FLOP",
    computed: "2.806e-19",
    explanation: "2 USD / 3600 s / 1.98e15 FLOP/s is 2.806e-19; the report prints it cut off.",
  },
  {
    table: "section6",
    row: "L4",
    column: "cards for the FFN",
    computed: "128",
    explanation:
      "The report takes an L4 as a third of an L20 and so 3 x 48 cards; with its public 300 GB/s it takes 122.2, which is 128 in whole servers of 8.",
  },
];
