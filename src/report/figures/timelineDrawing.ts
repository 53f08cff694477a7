import type { Markish, RenderFunction } from "@observablehq/plot";
import { axisMarks, drawnAxis } from "./axes.ts";
import type { Drawing } from "./drawing.ts";
import type { TimelineFigure, TimelineSlice } from "./figure.ts";
import { seriesLook } from "./palette.ts";
import { EDGE, type RowName, rowNames, rowText } from "./rowNames.ts";
import { svgElement, svgText } from "./svgText.ts";
import { drawable, textWidth } from "./textWidth.ts";

const MARGIN_BOTTOM = 26;
const MARGIN_RIGHT = EDGE + 12;
const MOST_TICKS = 9;
const TRACK_HEIGHT = 16;
const GAP = { edge: 8, track: 3, facet: 10 } as const;
const LABEL_SIZE = 10;
/** Pale, so that labels inside can be read. */
const FILL_OPACITY = 0.4;

/** Tracks from top to bottom, time from left to right; a colour a series. */
export function timelineDrawing(figure: TimelineFigure): Drawing {
  const series = [...new Set(figure.slices.map((slice) => slice.series))];
  const { rows, facets, height } = trackRows(figure);
  const ends = figure.slices.flatMap(({ from, to }) => [from, to]);
  const axis = drawnAxis({ ...figure.time, domain: figure.time.domain ?? extent(ends) }, ends, MOST_TICKS);
  const names = rowNames(rows, facets);
  const middleOf = (slice: TimelineSlice) =>
    rows.find(({ facet, name }) => facet === slice.facet && name === slice.track)?.middle ?? 0;
  return {
    height,
    marginLeft: names.marginLeft,
    marginRight: MARGIN_RIGHT,
    marginBottom: MARGIN_BOTTOM,
    scales: {
      x: { type: "linear", domain: [...axis.domain], label: null, axis: null },
      y: { type: "identity", label: null, axis: null },
    },
    marks: (plot, top) => [
      ...axisMarks(plot, { x: axis }),
      plot.rect(figure.slices, {
        x1: ({ from }: TimelineSlice) => from / axis.unitSize,
        x2: ({ to }: TimelineSlice) => to / axis.unitSize,
        y1: (slice: TimelineSlice) => top + middleOf(slice) - TRACK_HEIGHT / 2,
        y2: (slice: TimelineSlice) => top + middleOf(slice) + TRACK_HEIGHT / 2,
        fill: (slice: TimelineSlice) => seriesLook(series.indexOf(slice.series)).color,
        fillOpacity: FILL_OPACITY,
        stroke: (slice: TimelineSlice) => seriesLook(series.indexOf(slice.series)).color,
        strokeWidth: 0.7,
      }),
      names.mark(top),
      labelsMark(figure.slices, series, (slice) => top + middleOf(slice), axis.unitSize),
    ],
    legend: series.map((name, index) => ({ name, mark: "bar", look: seriesLook(index) })),
    xLabel: axis.label,
    remarks: () => [],
  };
}

interface TrackRow extends RowName {
  readonly facet: string;
  readonly name: string;
}

function trackRows({ tracks }: TimelineFigure): {
  readonly rows: readonly TrackRow[];
  readonly facets: readonly RowName[];
  readonly height: number;
} {
  const rows: TrackRow[] = [];
  const facets: RowName[] = [];
  let y: number = GAP.edge;
  for (const [facet, own] of Map.groupBy(tracks, (track) => track.facet)) {
    const facetTop = y;
    for (const { name } of own) {
      rows.push({ facet, name, middle: y + TRACK_HEIGHT / 2 });
      y += TRACK_HEIGHT + GAP.track;
    }
    y -= GAP.track;
    facets.push({ name: facet, middle: (facetTop + y) / 2 });
    y += GAP.facet;
  }
  return { rows, facets, height: y - GAP.facet + GAP.edge };
}

/** All of the data and nothing else: a timeline needs no room around it. */
function extent(values: readonly number[]): readonly [number, number] {
  const least = values.reduce((one, other) => Math.min(one, other));
  const greatest = values.reduce((one, other) => Math.max(one, other));
  return greatest > least ? [least, greatest] : [least, least + 1];
}

/** Labels in the slices that are wide enough for theirs. */
function labelsMark(
  slices: readonly TimelineSlice[],
  series: readonly string[],
  middleOf: (slice: TimelineSlice) => number,
  unitSize: number,
): Markish {
  const mark: RenderFunction = (_index, { x }, _values, _dimensions, { document }) =>
    svgElement(
      document,
      "g",
      { "aria-label": "labels" },
      slices.flatMap((slice) => {
        const label = drawable(slice.label ?? "");
        const [left, right] = [Number(x?.(slice.from / unitSize)), Number(x?.(slice.to / unitSize))];
        if (label === "" || textWidth(label, LABEL_SIZE) > right - left - 2) return [];
        const text = rowText(label, (left + right) / 2, middleOf(slice), LABEL_SIZE);
        const fill = seriesLook(series.indexOf(slice.series)).textColor;
        return [svgText(document, { ...text, anchor: "middle", fill })];
      }),
    );
  return mark;
}
