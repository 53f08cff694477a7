import type { Accelerator, FigureName } from "./accelerator.ts";

/** Makers print the sizes of caches in MB, and mean this. */
export const MEBIBYTE = 2 ** 20;

/** A figure of the catalog, with its source where that is not the accelerator's own. */
export type SourcedFigure = readonly [value: number, source?: string];

/** Figures by name; one that nobody states is left out. */
export type SourcedFigures = Readonly<
  Partial<Record<FigureName, SourcedFigure>> & Record<"peakBf16FlopsPerSecond" | "memoryBytesPerSecond", SourcedFigure>
>;

/** An accelerator whose every figure carries a source: `source`, or its own. */
export function sourced(name: string, source: string, figures: SourcedFigures): Accelerator {
  const { peakBf16FlopsPerSecond, memoryBytesPerSecond } = figures;
  const entries = Object.entries(figures);
  return {
    name,
    ...Object.fromEntries(entries.map(([figure, [value]]) => [figure, value])),
    peakBf16FlopsPerSecond: peakBf16FlopsPerSecond[0],
    memoryBytesPerSecond: memoryBytesPerSecond[0],
    source,
    figureSources: Object.fromEntries(entries.map(([figure, [, own]]) => [figure, own ?? source])),
  };
}
