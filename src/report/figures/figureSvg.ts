import { barsDrawing } from "./barsDrawing.ts";
import { checkFigure } from "./checkFigure.ts";
import { type Drawing, FIGURE_WIDTH, type PlotLibrary } from "./drawing.ts";
import type { Figure } from "./figure.ts";
import { type Header, headerOf } from "./header.ts";
import { pointsDrawing } from "./pointsDrawing.ts";
import { addSurroundings, legendMarks } from "./surroundings.ts";
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
  const drawing = drawingOf(figure);
  const header = headerOf(figure, drawing);
  const svg = insideSvg(plot, document, drawing, header);
  addSurroundings(svg, document, { figure, drawing, header });
  roundNumbers(svg);
  return `${svg.toString().replaceAll("><", ">\n<")}\n`;
}

function drawingOf(figure: Figure): Drawing {
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
