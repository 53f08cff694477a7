import { INK } from "./palette.ts";

/** A line of text: x and y are where its baseline begins, ends or has its middle. */
export interface SvgText {
  readonly text: string;
  readonly x: number;
  readonly y: number;
  readonly fontSize: number;
  readonly anchor?: "start" | "middle" | "end";
  readonly fill?: string;
  readonly bold?: true;
  /** A rim in the background's colour, for a text that may stand on a line. */
  readonly halo?: true;
}

const SVG = "http://www.w3.org/2000/svg";

/** An element of an SVG document. */
export function svgElement(
  document: Document,
  name: string,
  attributes: Readonly<Record<string, string | number>>,
  children: readonly Element[] = [],
): SVGElement {
  const element = document.createElementNS(SVG, name) as SVGElement;
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, String(value));
  element.append(...children);
  return element;
}

export function svgText(document: Document, { text, x, y, fontSize, anchor, fill, bold, halo }: SvgText): SVGElement {
  const element = svgElement(document, "text", {
    x,
    y,
    "font-size": fontSize,
    "text-anchor": anchor ?? "start",
    fill: fill ?? INK.text,
    ...(bold === true ? { "font-weight": "bold" } : {}),
    ...(halo === true
      ? { stroke: INK.background, "stroke-width": 3, "stroke-linejoin": "round", "paint-order": "stroke" }
      : {}),
  });
  element.textContent = text;
  return element;
}
