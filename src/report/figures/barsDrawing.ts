import type { Markish, RenderFunction } from "@observablehq/plot";
import { formatNumber } from "../../units/format.ts";
import { axisMarks, drawnAxis } from "./axes.ts";
import { type BarRow, barRows } from "./barRows.ts";
import { type Drawing, FONT_SIZE } from "./drawing.ts";
import type { BarsFigure } from "./figure.ts";
import { INK, seriesLook } from "./palette.ts";
import { type SvgText, svgElement, svgText } from "./svgText.ts";
import { drawable, shortenTo, textWidth } from "./textWidth.ts";

const MARGIN_BOTTOM = 26;
const MOST_TICKS = 9;
const LONGEST_NAME = 170;
const NAME_GAP = 10;
const EDGE = 16;
const BOLD = 1.1;
/** From the middle of a line of text to its baseline, in ems. */
const HALF_X_HEIGHT = 0.35;

/** Bars in rows, from the left: a facet's name, a group's, and its bars with their values. */
export function barsDrawing(figure: BarsFigure): Drawing {
  const series = [...new Set(figure.bars.map((bar) => bar.series))];
  const { rows, facets, height } = barRows(figure);
  const axis = drawnAxis(figure.value, [0, ...rows.map(({ end }) => end)], MOST_TICKS);
  const values = rows.map(({ end }) => formatNumber(end / axis.unitSize));
  const facetNames = facets.map(({ name }) => nameText(name, BOLD));
  const groupNames = rows.map(({ name }) => nameText(name ?? "", 1));
  const facetWidth = widest(facetNames, BOLD);
  const marginLeft = EDGE + facetWidth + (facetWidth > 0 ? 2 : 1) * NAME_GAP + widest(groupNames, 1);
  const texts = (top: number): readonly SvgText[] => [
    ...facets.map(({ middle }, index): SvgText => ({ ...line(facetNames[index], EDGE, top + middle), bold: true })),
    ...rows.map(({ middle }, index): SvgText => {
      const place = line(groupNames[index], marginLeft - NAME_GAP, top + middle);
      return { ...place, anchor: "end", fill: INK.quiet };
    }),
  ];
  return {
    height,
    marginLeft,
    marginRight: EDGE + NAME_GAP + widest(values, 1),
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
      textsMark(texts(top)),
      valuesMark(rows, values, top, axis.unitSize),
    ],
    legend: series.length === 1 ? [] : series.map((name, index) => ({ name, mark: "bar", look: seriesLook(index) })),
    xLabel: axis.label,
    remarks: () => [],
  };
}

function textsMark(texts: readonly SvgText[]): Markish {
  const mark: RenderFunction = (_index, _scales, _values, _dimensions, { document }) =>
    svgElement(
      document,
      "g",
      { "aria-label": "names" },
      texts.map((text) => svgText(document, text)),
    );
  return mark;
}

/** The value of a row, behind its end. */
function valuesMark(rows: readonly BarRow[], values: readonly string[], top: number, unitSize: number): Markish {
  const mark: RenderFunction = (_index, { x }, _values, _dimensions, { document }) =>
    svgElement(
      document,
      "g",
      { "aria-label": "values" },
      rows.map(({ end, middle }, index) =>
        svgText(document, { ...line(values[index], Number(x?.(end / unitSize)) + 5, top + middle), halo: true }),
      ),
    );
  return mark;
}

function line(text = "", x: number, middle: number): SvgText {
  return { text, x, y: middle + FONT_SIZE.text * HALF_X_HEIGHT, fontSize: FONT_SIZE.text };
}

function nameText(name: string, weight: number): string {
  return shortenTo(LONGEST_NAME / weight, drawable(name), FONT_SIZE.text);
}

function widest(texts: readonly string[], weight: number): number {
  return Math.max(0, ...texts.map((text) => textWidth(text, FONT_SIZE.text) * weight));
}
