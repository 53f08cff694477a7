import { barsDrawing } from "./barsDrawing.ts";
import { checkFigure } from "./checkFigure.ts";
import { type Drawing, FIGURE_WIDTH, type PlotLibrary } from "./drawing.ts";
import type { Figure, PanelsFigure } from "./figure.ts";
import { type Header, headerOf } from "./header.ts";
import { pointsDrawing } from "./pointsDrawing.ts";
import { addSurroundings, addXLabel, legendMarks } from "./surroundings.ts";
import { svgElement, svgText } from "./svgText.ts";
import { timelineDrawing } from "./timelineDrawing.ts";

/**
 * Draws a figure as an SVG file: 900 pixels wide, on a white ground, without fonts or scripts of its own. The same figure
 * always gives the same bytes.
 * @throws InvalidInputError naming axis, series and point of what cannot be drawn
 */
export async function figureSvg(figure: Figure): Promise<string> {
  checkFigure(figure);
  const [plot, { DOMParser }] = await Promise.all([import("@observablehq/plot"), import("linkedom")]);
  // An XML document, and not an HTML one: it escapes what attributes hold.
  const document = new DOMParser().parseFromString("<svg/>", "image/svg+xml") as unknown as Document;
  const svg = figure.kind === "panels" ? panelsSvg(plot, document, figure) : oneSvg(plot, document, figure);
  roundNumbers(svg);
  return `${svg.toString().replaceAll("><", ">\n<")}\n`;
}

function oneSvg(plot: PlotLibrary, document: Document, figure: Exclude<Figure, PanelsFigure>): Element {
  const drawing = drawingOf(figure);
  const header = headerOf(figure, drawing);
  const svg = insideSvg(plot, document, drawing, header);
  const bottom = addXLabel(svg, document, drawing, header);
  addSurroundings(svg, document, { figure, drawings: [drawing], header, bottom });
  return svg;
}

/** Panels with the same margins, so that equal axes stand below each other. */
function panelsSvg(plot: PlotLibrary, document: Document, figure: PanelsFigure): Element {
  const own = figure.panels.map(pointsDrawing);
  const marginLeft = Math.max(...own.map((drawing) => drawing.marginLeft));
  const marginRight = Math.max(...own.map((drawing) => drawing.marginRight));
  const drawings = own.map((drawing) => ({ ...drawing, marginLeft, marginRight }));
  const header = headerOf(figure, { legend: [] });
  const svg = svgElement(document, "svg", { width: FIGURE_WIDTH });
  let bottom = header.height;
  for (const [index, panel] of figure.panels.entries()) {
    const drawing = drawings[index];
    if (drawing === undefined) continue;
    const panelHeader = headerOf(panel, drawing, "panel");
    const inside = insideSvg(plot, document, drawing, panelHeader);
    const panelBottom = addXLabel(inside, document, drawing, panelHeader);
    inside.append(...panelHeader.texts.map((text) => svgText(document, text)));
    for (const name of TEXT_ATTRIBUTES) svg.setAttribute(name, inside.getAttribute(name) ?? "");
    svg.append(svgElement(document, "g", { transform: `translate(0,${bottom})` }, [...inside.children]));
    bottom += panelBottom;
  }
  addSurroundings(svg, document, { figure, drawings, header, bottom });
  return svg;
}

/** What the library puts on the root of a plot, and texts inherit. */
const TEXT_ATTRIBUTES = ["font-family", "font-size", "text-anchor"] as const;

function drawingOf(figure: Exclude<Figure, PanelsFigure>): Drawing {
  switch (figure.kind) {
    case "scatter":
    case "lines":
      return pointsDrawing(figure);
    case "bars":
      return barsDrawing(figure);
    case "timeline":
      return timelineDrawing(figure);
  }
}

function insideSvg(plot: PlotLibrary, document: Document, drawing: Drawing, header: Header): Element {
  const { height, marginLeft, marginRight, marginBottom, scales } = drawing;
  const svg = plot.plot({
    document,
    width: FIGURE_WIDTH,
    height: header.height + height + marginBottom,
    marginTop: header.height,
    marginBottom,
    marginLeft,
    marginRight,
    ...scales,
    marks: [...drawing.marks(plot, header.height), ...legendMarks(plot, header, marginLeft)],
  });
  // The library's style sheet is for pages that show several plots.
  svg.querySelector("style")?.remove();
  return svg;
}

/** A hundredth of a pixel is enough, and does not depend on the last bit of a logarithm. */
function roundNumbers(svg: Element): void {
  for (const element of [svg, ...svg.querySelectorAll("*")]) {
    for (const { name, value } of [...element.attributes]) {
      if (value.includes("."))
        element.setAttribute(
          name,
          value.replace(DECIMALS, (text) => String(rounded(text))),
        );
    }
  }
}

const DECIMALS = /-?\d*\.\d+(e[-+]?\d+)?/g;

function rounded(text: string): number {
  // No -0.
  return Number(Number(text).toFixed(2)) + 0;
}
