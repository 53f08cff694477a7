import type { Markish, RenderFunction } from "@observablehq/plot";
import { formatNumber } from "../../units/format.ts";
import { axisMarks, drawnAxis } from "./axes.ts";
import { type BarRow, barRows } from "./barRows.ts";
import type { Drawing } from "./drawing.ts";
import type { BarsFigure } from "./figure.ts";
import { INK, seriesLook } from "./palette.ts";
import { EDGE, NAME_GAP, rowNames, rowText, widest } from "./rowNames.ts";
import { svgElement, svgText } from "./svgText.ts";

const MARGIN_BOTTOM = 26;
const MOST_TICKS = 9;

/** Bars in rows, from the left: a facet's name, a group's, and its bars with their values. */
export function barsDrawing(figure: BarsFigure): Drawing {
  const series = [...new Set(figure.bars.map((bar) => bar.series))];
  const { rows, facets, height } = barRows(figure);
  const axis = drawnAxis(figure.value, [0, ...rows.map(({ end }) => end)], MOST_TICKS);
  const values = rows.map(({ end }) => formatNumber(end / axis.unitSize));
  const names = rowNames(
    rows.map(({ group, middle }) => group ?? { middle }),
    facets,
  );
  const { marginLeft } = names;
  return {
    height,
    marginLeft,
    marginRight: EDGE + NAME_GAP + widest(values),
    marginBottom: MARGIN_BOTTOM,
    scales: {
      x: { type: "linear", domain: [...axis.domain], label: null, axis: null },
      y: { type: "identity", label: null, axis: null },
    },
    marks: (plot, top) => [
      ...axisMarks(plot, { x: axis }),
      plot.rect(
        rows.flatMap((row) => row.parts.map((part) => ({ ...part, row }))),
        {
          x1: ({ from }) => from / axis.unitSize,
          x2: ({ to }) => to / axis.unitSize,
          y1: ({ row }) => top + row.top,
          y2: ({ row }) => top + row.bottom,
          fill: (part) => seriesLook(series.indexOf(part.series)).color,
          stroke: INK.background,
          strokeWidth: 0.7,
        },
      ),
      plot.ruleX([0], { stroke: INK.axis }),
      names.mark(top),
      valuesMark(rows, values, top, axis.unitSize),
    ],
    legend: series.length === 1 ? [] : series.map((name, index) => ({ name, mark: "bar", look: seriesLook(index) })),
    xLabel: axis.label,
    remarks: () => [],
  };
}

/** The value of a row, behind its end. */
function valuesMark(rows: readonly BarRow[], values: readonly string[], top: number, unitSize: number): Markish {
  const mark: RenderFunction = (_index, { x }, _values, _dimensions, { document }) =>
    svgElement(
      document,
      "g",
      { "aria-label": "values" },
      rows.map(({ end, middle }, index) =>
        svgText(document, { ...rowText(values[index], Number(x?.(end / unitSize)) + 5, top + middle), halo: true }),
      ),
    );
  return mark;
}
