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

/** Adds the name of the x axis below the inside of a picture. @returns where it ends, in pixels */
export function addXLabel(svg: Element, document: Document, drawing: Drawing, header: Header): number {
  const { marginLeft, marginRight, marginBottom } = drawing;
  const bottom = header.height + drawing.height + marginBottom + lineHeight(FONT_SIZE.text);
  const xLabel = svgText(document, {
    text: shortenTo(FIGURE_WIDTH - marginLeft - marginRight, drawing.xLabel, FONT_SIZE.text),
    x: (marginLeft + FIGURE_WIDTH - marginRight) / 2,
    y: bottom - 4,
    fontSize: FONT_SIZE.text,
    anchor: "middle",
    fill: INK.quiet,
  });
  svg.append(xLabel);
  return bottom;
}

interface Parts {
  readonly figure: Figure;
  readonly drawings: readonly Drawing[];
  readonly header: Header;
  /** Where what is drawn ends, in pixels. */
  readonly bottom: number;
}

/** Adds to what is drawn its ground, title, description, header texts and notes. */
export function addSurroundings(svg: Element, document: Document, { figure, drawings, header, bottom }: Parts): void {
  const remarks = drawings.flatMap((drawing) => drawing.remarks());
  const notes = notesText([...notesOf(figure), ...remarks], bottom + NOTES_GAP);
  const height = Math.ceil(notes.bottom);
  svg.prepend(
    textElement(document, "title", figure.title),
    textElement(document, "desc", describe(figure, drawings)),
    svgElement(document, "rect", { width: FIGURE_WIDTH, height, fill: INK.background }),
  );
  svg.append(...[...header.texts, ...notes.texts].map((text) => svgText(document, text)));
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

function notesOf(figure: Figure): readonly string[] {
  return figure.kind === "panels" ? [...figure.panels.flatMap(({ notes }) => notes), ...figure.notes] : figure.notes;
}

/** What a reader who does not see the picture is told. */
function describe(figure: Figure, drawings: readonly Drawing[]): string {
  const insides = drawings.flatMap(({ xLabel, yLabel, legend }) => [
    yLabel === undefined ? `Bars of ${xLabel}.` : `${yLabel} against ${xLabel}.`,
    ...(legend.length === 0 ? [] : [`Series: ${legend.map(({ name }) => name).join(", ")}.`]),
  ]);
  return [...(figure.subtitle === undefined ? [] : [`${figure.subtitle}.`]), ...insides, ...notesOf(figure)].join(" ");
}
