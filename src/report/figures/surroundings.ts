import type { Markish } from "@observablehq/plot";
import { type Drawing, FIGURE_WIDTH, FONT_SIZE, lineHeight, type PlotLibrary } from "./drawing.ts";
import type { Figure } from "./figure.ts";
import { type Header, notesText, type PlacedLegendEntry } from "./header.ts";
import { INK } from "./palette.ts";
import { svgElement, svgText } from "./svgText.ts";
import { drawable, shortenTo } from "./textWidth.ts";

/** Marks of a legend, drawn as the series' own marks are. */
export function legendMarks(plot: PlotLibrary, header: Header, marginLeft: number): Markish[] {
  return header.legend.map((entry) => {
    const { look, mark, x, y } = entry;
    if (mark !== "point") return (_index, _scales, _values, _dimensions, { document }) => swatch(document, entry);
    return plot.dot([entry], {
      frameAnchor: "top-left",
      dx: x - marginLeft,
      dy: y - header.height,
      r: 5,
      symbol: look.symbol,
      fill: look.color,
    });
  });
}

interface Parts {
  readonly figure: Figure;
  readonly drawing: Drawing;
  readonly header: Header;
}

/** Adds to the inside of a picture its ground, title, description, header texts, name of the x axis and notes. */
export function addSurroundings(svg: Element, document: Document, { figure, drawing, header }: Parts): void {
  const { marginLeft, marginRight, marginBottom } = drawing;
  const bottom = header.height + drawing.height + marginBottom;
  const xLabelBottom = bottom + lineHeight(FONT_SIZE.text);
  const notes = notesText([...figure.notes, ...drawing.remarks()], xLabelBottom + NOTES_GAP);
  const height = Math.ceil(notes.bottom);
  const xLabel = svgText(document, {
    text: shortenTo(FIGURE_WIDTH - marginLeft - marginRight, drawing.xLabel, FONT_SIZE.text),
    x: (marginLeft + FIGURE_WIDTH - marginRight) / 2,
    y: xLabelBottom - 4,
    fontSize: FONT_SIZE.text,
    anchor: "middle",
    fill: INK.quiet,
  });
  svg.prepend(
    textElement(document, "title", figure.title),
    textElement(document, "desc", describe(figure, drawing)),
    svgElement(document, "rect", { width: FIGURE_WIDTH, height, fill: INK.background }),
  );
  svg.append(xLabel, ...[...header.texts, ...notes.texts].map((text) => svgText(document, text)));
  const viewBox = `0 0 ${FIGURE_WIDTH} ${height}`;
  const attributes = { xmlns: "http://www.w3.org/2000/svg", role: "img", height, viewBox, fill: INK.text };
  for (const [name, value] of Object.entries(attributes)) svg.setAttribute(name, String(value));
  svg.removeAttribute("class");
}

const NOTES_GAP = 10;

function swatch(document: Document, { look, mark, x, y }: PlacedLegendEntry): SVGElement {
  if (mark === "bar")
    return svgElement(document, "rect", { x: x - 6, y: y - 6, width: 12, height: 12, fill: look.color });
  const line = { x1: x - 9, y1: y, x2: x + 9, y2: y, stroke: look.color, "stroke-width": 2 };
  return svgElement(document, "line", { ...line, "stroke-dasharray": look.dash });
}

function textElement(document: Document, name: "title" | "desc", text: string): SVGElement {
  const element = svgElement(document, name, {});
  element.textContent = drawable(text);
  return element;
}

/** What a reader who does not see the picture is told. */
function describe(figure: Figure, { xLabel, yLabel, legend }: Drawing): string {
  const axes = yLabel === undefined ? `Bars of ${xLabel}.` : `${yLabel} against ${xLabel}.`;
  const series = legend.length === 0 ? [] : [`Series: ${legend.map(({ name }) => name).join(", ")}.`];
  return [...(figure.subtitle === undefined ? [] : [`${figure.subtitle}.`]), axes, ...series, ...figure.notes].join(
    " ",
  );
}
