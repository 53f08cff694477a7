import type { Bar, BarsFigure } from "./figure.ts";

/** A row of a bar picture: pixels from the top of its inside, lengths in base units. */
export interface BarRow {
  /** Of its group, on the group's first row, and where the middle of the group is. */
  readonly group?: { readonly name: string; readonly middle: number };
  readonly top: number;
  readonly bottom: number;
  readonly middle: number;
  readonly parts: readonly { readonly series: string; readonly from: number; readonly to: number }[];
  /** Where its last bar ends. */
  readonly end: number;
}

export interface BarRows {
  readonly rows: readonly BarRow[];
  readonly facets: readonly { readonly name: string; readonly middle: number }[];
  readonly height: number;
}

const BAR_HEIGHT = 16;
const GAP = { edge: 8, bar: 1, group: 4, facet: 12 } as const;

/** Lays out bars from top to bottom: facets, groups and series each in the order in which they first come. */
export function barRows({ bars, arrangement }: Pick<BarsFigure, "bars" | "arrangement">): BarRows {
  const rows: BarRow[] = [];
  const facets: { name: string; middle: number }[] = [];
  const series = [...new Set(bars.map((bar) => bar.series))];
  const gapInGroup = arrangement === "grouped" ? GAP.bar : 0;
  const gapOfGroup = arrangement === "grouped" && series.length > 1 ? 2 * GAP.group : GAP.group;
  let y: number = GAP.edge;
  for (const [facet, inFacet] of gathered(bars, (bar) => bar.facet)) {
    const facetTop = y;
    for (const [group, inGroup] of gathered(inFacet, (bar) => bar.group)) {
      const ordered = inGroup.toSorted((one, other) => series.indexOf(one.series) - series.indexOf(other.series));
      const lines = arrangement === "stacked" ? [ordered] : ordered.map((bar) => [bar]);
      const middle = y + (lines.length * (BAR_HEIGHT + gapInGroup) - gapInGroup) / 2;
      for (const [index, line] of lines.entries()) {
        const named = index === 0 ? { group: { name: group, middle } } : {};
        rows.push({ ...named, ...partsOf(line), top: y, bottom: y + BAR_HEIGHT, middle: y + BAR_HEIGHT / 2 });
        y += BAR_HEIGHT + gapInGroup;
      }
      y += gapOfGroup - gapInGroup;
    }
    y -= gapOfGroup;
    if (facet !== undefined) facets.push({ name: facet, middle: (facetTop + y) / 2 });
    y += GAP.facet;
  }
  return { rows, facets, height: y - GAP.facet + GAP.edge };
}

function partsOf(bars: readonly Bar[]): Pick<BarRow, "parts" | "end"> {
  let end = 0;
  const parts = bars.map(({ series, value }) => {
    const from = end;
    end += value;
    return { series, from, to: end };
  });
  return { parts, end };
}

function gathered<Key>(bars: readonly Bar[], keyOf: (bar: Bar) => Key): Map<Key, readonly Bar[]> {
  return Map.groupBy(bars, keyOf);
}
