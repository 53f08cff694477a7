import { InvalidInputError } from "../units/errors.ts";

/** One accelerator card: what it costs and what it can do at most. */
export interface Accelerator {
  /** Lower case, as flags name it. */
  readonly name: string;
  readonly usdPerCardHour: number;
  /** Peak dense matrix rates in FLOP/s, by the precision computed in; no `fp8` where the card has none. */
  readonly peaks: { readonly fp8?: number; readonly bf16: number };
  readonly memoryBytesPerSecond: number;
  /** Absent where no public statement was found to cite. */
  readonly memoryBytes?: number;
  /** Where price, rates and bandwidth come from. */
  readonly source: string;
  /** The source of every single figure above. */
  readonly figureSources: Readonly<Record<FigureName, string>>;
}

/** The figures of an accelerator that carry a source each. */
export type FigureName = "usdPerCardHour" | "peakFp8" | "peakBf16" | "memoryBytesPerSecond" | "memoryBytes";

const TABLE_4 = "Step-3 report (arXiv 2507.19427), Table 4";
const NO_FP8 = `${TABLE_4}: none`;
const NO_MEMORY = "no public statement to cite";

const ACCELERATORS: readonly Accelerator[] = [
  {
    name: "h800",
    usdPerCardHour: 2.0,
    peaks: { fp8: 1.98e15, bf16: 9.89e14 },
    memoryBytesPerSecond: 3.35e12,
    source: TABLE_4,
    figureSources: sources({}),
  },
  {
    name: "h20",
    usdPerCardHour: 0.8,
    peaks: { fp8: 2.96e14, bf16: 1.48e14 },
    memoryBytesPerSecond: 4.0e12,
    memoryBytes: 96e9,
    source: TABLE_4,
    figureSources: sources({ memoryBytes: "InternLM/lmdeploy issue 2960: each H20 has 96 GB" }),
  },
  {
    name: "a800",
    usdPerCardHour: 0.75,
    peaks: { bf16: 3.12e14 },
    memoryBytesPerSecond: 2.0e12,
    memoryBytes: 80e9,
    source: TABLE_4,
    figureSources: sources({
      peakFp8: NO_FP8,
      memoryBytes: "the name that NVIDIA's driver gives the card: NVIDIA A800-SXM4-80GB",
    }),
  },
  {
    name: "910b",
    usdPerCardHour: 0.67,
    peaks: { bf16: 2.8e14 },
    memoryBytesPerSecond: 1.6e12,
    memoryBytes: 64e9,
    source: TABLE_4,
    figureSources: sources({
      usdPerCardHour: `${TABLE_4}, which estimates it in proportion to the A800's`,
      peakFp8: NO_FP8,
      memoryBytes:
        "SGLang documentation, Ascend NPU reference: Atlas 800I A2 (Ascend 910B), 64 GB a die, one die a card",
    }),
  },
];

/** Names of the accelerators that ship with the package. */
export function acceleratorNames(): readonly string[] {
  return ACCELERATORS.map(({ name }) => name);
}

/**
 * A shipped accelerator by name; case does not matter.
 * @throws InvalidInputError with the nearest names
 */
export function loadAccelerator(name: string): Accelerator {
  const key = name.trim().toLowerCase();
  const found = ACCELERATORS.find((accelerator) => accelerator.name === key);
  if (found !== undefined) return found;
  const known = acceleratorNames();
  throw new InvalidInputError({ field: "accelerator", value: name, expected: `one of ${known.join(", ")}`, known });
}

function sources(others: Partial<Record<FigureName, string>>): Readonly<Record<FigureName, string>> {
  return {
    usdPerCardHour: TABLE_4,
    peakFp8: TABLE_4,
    peakBf16: TABLE_4,
    memoryBytesPerSecond: TABLE_4,
    memoryBytes: NO_MEMORY,
    ...others,
  };
}
