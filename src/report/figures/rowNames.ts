import type { Markish, RenderFunction } from "@observablehq/plot";
import { FONT_SIZE } from "./drawing.ts";
import { INK } from "./palette.ts";
import { type SvgText, svgElement, svgText } from "./svgText.ts";
import { drawable, shortenTo, textWidth } from "./textWidth.ts";

/** A row's or a facet's name, and where its middle is, in pixels from the top of the inside. */
export interface RowName {
  readonly name?: string;
  readonly middle: number;
}

/** Pixels between the picture's edge, names and what they name. */
export const EDGE = 16;
export const NAME_GAP = 10;

const LONGEST_NAME = 170;
const BOLD = 1.1;
/** From the middle of a line of text to its baseline, in ems. */
const HALF_X_HEIGHT = 0.35;

/** Names at the left of rows: those of facets first, bold, then each row's own; with the room that they take. */
export function rowNames(
  rows: readonly RowName[],
  facets: readonly RowName[],
): { readonly marginLeft: number; mark(top: number): Markish } {
  const facetNames = facets.map(({ name }) => nameText(name, BOLD));
  const ownNames = rows.map(({ name }) => nameText(name, 1));
  const facetWidth = widest(facetNames) * BOLD;
  const marginLeft = EDGE + facetWidth + (facetWidth > 0 ? 2 : 1) * NAME_GAP + widest(ownNames);
  const texts = (top: number): readonly SvgText[] => [
    ...facets.map(({ middle }, index): SvgText => ({ ...rowText(facetNames[index], EDGE, top + middle), bold: true })),
    ...rows.map(({ middle }, index): SvgText => {
      const place = rowText(ownNames[index], marginLeft - NAME_GAP, top + middle);
      return { ...place, anchor: "end", fill: INK.quiet };
    }),
  ];
  return { marginLeft, mark: (top) => textsMark(texts(top)) };
}

/** A text in the middle of a row. */
export function rowText(text = "", x: number, middle: number, fontSize: number = FONT_SIZE.text): SvgText {
  return { text, x, y: middle + fontSize * HALF_X_HEIGHT, fontSize };
}

/** The width of the widest. */
export function widest(texts: readonly string[]): number {
  return Math.max(0, ...texts.map((text) => textWidth(text, FONT_SIZE.text)));
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

function nameText(name = "", weight: number): string {
  return shortenTo(LONGEST_NAME / weight, drawable(name), FONT_SIZE.text);
}
