import { type Drawing, FIGURE_WIDTH, FONT_SIZE, type LegendEntry, lineHeight } from "./drawing.ts";
import type { Figure } from "./figure.ts";
import { INK } from "./palette.ts";
import type { SvgText } from "./svgText.ts";
import { drawable, shortenTo, textWidth, wrapTo } from "./textWidth.ts";

/** What stands above the inside of a picture. */
export interface Header {
  readonly texts: readonly SvgText[];
  readonly legend: readonly PlacedLegendEntry[];
  readonly height: number;
}

export interface PlacedLegendEntry extends Omit<LegendEntry, "name"> {
  /** The middle of its mark. */
  readonly x: number;
  readonly y: number;
}

const EDGE = 16;
const ROOM = FIGURE_WIDTH - 2 * EDGE;
const BOLD = 1.1;
const LEGEND = { mark: 24, gap: 20, longestName: 220 } as const;

/** Title, subtitle, legend and the name of the y axis, from top to bottom; the title of a panel is smaller. */
export function headerOf(
  figure: Figure,
  { legend, yLabel }: Pick<Drawing, "legend" | "yLabel">,
  titleSize: "title" | "panel" = "title",
): Header {
  const texts: SvgText[] = [];
  let y = EDGE;
  const addLine = (text: string, fontSize: number, look: Partial<SvgText>) => {
    y += lineHeight(fontSize);
    texts.push({ text, x: EDGE, y: y - fontSize * DESCENT, fontSize, ...look });
  };
  for (const line of wrapTo(ROOM / BOLD, drawable(figure.title), FONT_SIZE[titleSize])) {
    addLine(line, FONT_SIZE[titleSize], { bold: true });
  }
  for (const line of wrapTo(ROOM, drawable(figure.subtitle ?? ""), FONT_SIZE.subtitle)) {
    addLine(line, FONT_SIZE.subtitle, { fill: INK.quiet });
  }
  const placed = placeLegend(legend, y);
  y = placed.bottom + 6;
  if (yLabel !== undefined) addLine(shortenTo(ROOM, yLabel, FONT_SIZE.text), FONT_SIZE.text, { fill: INK.quiet });
  return { texts: [...texts, ...placed.texts], legend: placed.entries, height: y + 8 };
}

/** Sentences below a picture, wrapped: each begins a line of its own. */
export function notesText(notes: readonly string[], top: number): { texts: readonly SvgText[]; bottom: number } {
  const fontSize = FONT_SIZE.notes;
  const lines = notes.flatMap((note) => wrapTo(ROOM, drawable(note), fontSize));
  const texts = lines.map((text, index) => {
    const y = top + (index + 1) * lineHeight(fontSize) - fontSize * DESCENT;
    return { text, x: EDGE, y, fontSize, fill: INK.quiet };
  });
  return { texts, bottom: top + lines.length * lineHeight(fontSize) + EDGE };
}

/** From the bottom of a line to its baseline, in ems. */
const DESCENT = 0.35;

function placeLegend(legend: readonly LegendEntry[], top: number) {
  const height = lineHeight(FONT_SIZE.text) + 3;
  const texts: SvgText[] = [];
  const entries: PlacedLegendEntry[] = [];
  let [x, y] = [EDGE, top + 8];
  for (const { name, mark, look } of legend) {
    const text = shortenTo(LEGEND.longestName, drawable(name), FONT_SIZE.text);
    const width = LEGEND.mark + textWidth(text, FONT_SIZE.text);
    if (x > EDGE && x + width > EDGE + ROOM) {
      x = EDGE;
      y += height;
    }
    entries.push({ mark, look, x: x + LEGEND.mark / 2 - 3, y: y + height / 2 });
    texts.push({ text, x: x + LEGEND.mark, y: y + height / 2 + FONT_SIZE.text * DESCENT, fontSize: FONT_SIZE.text });
    x += width + LEGEND.gap;
  }
  return { texts, entries, bottom: legend.length === 0 ? top : y + height };
}
