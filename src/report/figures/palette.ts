/** How a series looks: a colour for marks, a darker one for text, and a shape that tells it apart without colour. */
export interface SeriesLook {
  readonly color: string;
  readonly textColor: string;
  readonly symbol: "circle" | "square" | "triangle" | "diamond" | "star" | "cross";
  /** Of a line: lengths of strokes and gaps, or an unbroken line. */
  readonly dash: string;
}

type Colors = Pick<SeriesLook, "color" | "textColor">;

/** @source colours: M. Okabe and K. Ito, Color Universal Design, 2008; they stay apart in the common colour blindnesses */
const COLORS: readonly [Colors, ...Colors[]] = [
  { color: "#0072b2", textColor: "#00517f" },
  { color: "#d55e00", textColor: "#964200" },
  { color: "#009e73", textColor: "#006347" },
  { color: "#cc79a7", textColor: "#8a3f67" },
  { color: "#e69f00", textColor: "#765100" },
  { color: "#56b4e9", textColor: "#1c6390" },
  { color: "#5c5c5c", textColor: "#3d3d3d" },
];
const SYMBOLS = ["circle", "square", "triangle", "diamond", "star", "cross"] as const;
const DASHES = ["none", "7 3", "2 3", "9 3 2 3", "5 5"] as const;

/** The look of the n-th series; the first 42 differ. */
export function seriesLook(index: number): SeriesLook {
  return {
    ...at(COLORS, index),
    symbol: at(SYMBOLS, index),
    dash: at(DASHES, index),
  };
}

/** Colours for lines that are no series and stand close together, apart from the first of the series' colours. */
const LINE_COLORS: readonly [Colors, ...Colors[]] = [
  { color: "#4b2a7b", textColor: "#4b2a7b" },
  { color: "#9a5fb5", textColor: "#7a3f96" },
  { color: "#2a9d7c", textColor: "#15694f" },
  { color: "#6b7480", textColor: "#4a525c" },
  { color: "#b07d12", textColor: "#765100" },
  { color: "#a8324a", textColor: "#861f35" },
];
const STROKES = { solid: "none", dashed: "7 3", dotted: "2 3" } as const;

/** The look of a line in the colour of a series, or in the n-th of the lines' own. */
export function strokeLook(stroke: keyof typeof STROKES, from: SeriesLook | number): SeriesLook {
  const { color, textColor } = typeof from === "number" ? at(LINE_COLORS, from) : from;
  return { color, textColor, symbol: "circle", dash: STROKES[stroke] };
}

/** Colours of what is no series. */
export const INK = {
  text: "#24292f",
  quiet: "#57606a",
  grid: "#e4e7eb",
  axis: "#8c959f",
  background: "#ffffff",
} as const;

function at<Item>(items: readonly [Item, ...Item[]], index: number): Item {
  return items[index % items.length] ?? items[0];
}
