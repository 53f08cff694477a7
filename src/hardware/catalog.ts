import { InvalidInputError } from "../units/errors.ts";
import type { Accelerator, FigureName } from "./accelerator.ts";

const TABLE_4 = "Step-3 report (arXiv 2507.19427), Table 4";
const TABLE_7 = "Step-3 report (arXiv 2507.19427), Table 7: 8 NICs for a server of 8 cards";
const NO_FP8 = `${TABLE_4}: none`;
const NO_MEMORY = "no public statement to cite";

const ACCELERATORS: readonly Accelerator[] = [
  {
    name: "h800",
    usdPerHour: 2.0,
    peakFp8FlopsPerSecond: 1.98e15,
    peakBf16FlopsPerSecond: 9.89e14,
    memoryBytesPerSecond: 3.35e12,
    networkBytesPerSecond: 4.0e11,
    cardsPerServer: 8,
    source: TABLE_4,
    figureSources: sources({}),
  },
  {
    name: "h20",
    usdPerHour: 0.8,
    peakFp8FlopsPerSecond: 2.96e14,
    peakBf16FlopsPerSecond: 1.48e14,
    memoryBytesPerSecond: 4.0e12,
    networkBytesPerSecond: 4.0e11,
    cardsPerServer: 8,
    memoryBytes: 96e9,
    source: TABLE_4,
    figureSources: sources({ memoryBytes: "InternLM/lmdeploy issue 2960: each H20 has 96 GB" }),
  },
  {
    name: "a800",
    usdPerHour: 0.75,
    peakBf16FlopsPerSecond: 3.12e14,
    memoryBytesPerSecond: 2.0e12,
    networkBytesPerSecond: 2.0e11,
    cardsPerServer: 8,
    memoryBytes: 80e9,
    source: TABLE_4,
    figureSources: sources({
      peakFp8FlopsPerSecond: NO_FP8,
      memoryBytes: "the name that NVIDIA's driver gives the card: NVIDIA A800-SXM4-80GB",
    }),
  },
  {
    name: "910b",
    usdPerHour: 0.67,
    peakBf16FlopsPerSecond: 2.8e14,
    memoryBytesPerSecond: 1.6e12,
    networkBytesPerSecond: 2.0e11,
    cardsPerServer: 8,
    memoryBytes: 64e9,
    source: TABLE_4,
    figureSources: sources({
      usdPerHour: `${TABLE_4}, which estimates it in proportion to the A800's`,
      peakFp8FlopsPerSecond: NO_FP8,
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

function sources(others: Partial<Record<FigureName, string>>): Readonly<Partial<Record<FigureName, string>>> {
  return {
    usdPerHour: TABLE_4,
    peakFp8FlopsPerSecond: TABLE_4,
    peakBf16FlopsPerSecond: TABLE_4,
    memoryBytesPerSecond: TABLE_4,
    memoryBytes: NO_MEMORY,
    networkBytesPerSecond: TABLE_7,
    cardsPerServer: TABLE_7,
    ...others,
  };
}
