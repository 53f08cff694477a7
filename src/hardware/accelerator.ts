import { InvalidInputError } from "../units/errors.ts";

/** One accelerator card: what it costs and what it can do at most. Keys are those of a user's file, of `--set` and of a row. */
export interface Accelerator {
  /** Lower case, as flags name it. */
  readonly name: string;
  /** Rent of one card; absent where no public price was found to cite. */
  readonly usdPerHour?: number;
  /** Peak dense matrix rates by the precision computed in; absent where the card has none. */
  readonly peakFp4FlopsPerSecond?: number;
  readonly peakFp8FlopsPerSecond?: number;
  /** Operations of 8-bit integers, a multiply-add being two. */
  readonly peakInt8FlopsPerSecond?: number;
  readonly peakBf16FlopsPerSecond: number;
  readonly memoryBytesPerSecond: number;
  /** Absent where no public statement was found to cite. */
  readonly memoryBytes?: number;
  /** The last cache before memory, which all cores share; absent where it has none, or nothing public states it. */
  readonly l2Bytes?: number;
  /** Streaming multiprocessors, AI cores or compute units in use; absent where nothing public states them. */
  readonly cores?: number;
  /** What all NICs of a server of `cardsPerServer` cards carry together, in one direction. */
  readonly networkBytesPerSecond?: number;
  readonly cardsPerServer?: number;
  /** Where most of the figures come from. */
  readonly source: string;
  /** The source of every figure that stands above. */
  readonly figureSources: Readonly<Partial<Record<FigureName, string>>>;
}

/** The figures of an accelerator that carry a source each. */
export const FIGURE_NAMES = [
  "usdPerHour",
  "peakFp4FlopsPerSecond",
  "peakFp8FlopsPerSecond",
  "peakInt8FlopsPerSecond",
  "peakBf16FlopsPerSecond",
  "memoryBytesPerSecond",
  "memoryBytes",
  "l2Bytes",
  "cores",
  "networkBytesPerSecond",
  "cardsPerServer",
] as const;

export type FigureName = (typeof FIGURE_NAMES)[number];

/** An accelerator that one can compute costs with. */
export type PricedAccelerator = Accelerator & { readonly usdPerHour: number };

/**
 * The accelerator, known to have a price.
 * @throws InvalidInputError saying how to give it one
 */
export function requirePrice(accelerator: Accelerator): PricedAccelerator {
  const { usdPerHour } = accelerator;
  if (usdPerHour !== undefined) return { ...accelerator, usdPerHour };
  const field = `${accelerator.name}.usdPerHour`;
  throw new InvalidInputError({
    field,
    value: undefined,
    expected: `a price per card and hour, which the catalog has not got: give it with --set ${field}=PRICE`,
  });
}
