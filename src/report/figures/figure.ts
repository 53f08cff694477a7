/** What a picture shows: plain data that says nothing about pixels or colours. `figureSvg` draws it. */
export type Figure = ScatterFigure | LinesFigure | BarsFigure | TimelineFigure | PanelsFigure;

interface FigureText {
  readonly title: string;
  readonly subtitle?: string;
  /** Sentences below the picture: what of it is measured, modeled or published, and where it comes from. */
  readonly notes: readonly string[];
}

/** Series of points: each is labelled in place, and may be joined by a front. */
export interface ScatterFigure extends FigureText {
  readonly kind: "scatter";
  readonly x: Axis;
  readonly y: Axis;
  readonly series: readonly PointSeries[];
}

/** Lines, with points on top of them. Rays need both axes to be logarithmic. */
export interface LinesFigure extends FigureText {
  readonly kind: "lines";
  readonly x: Axis;
  readonly y: Axis;
  readonly lines: readonly FigureLine[];
  /** May be empty. */
  readonly series: readonly PointSeries[];
}

/** Pictures of lines one below the other, each with axes of its own; their notes stand below them all. */
export interface PanelsFigure extends FigureText {
  readonly kind: "panels";
  readonly panels: readonly LinesFigure[];
}

/** Horizontal bars in rows: a row for each group, rows gathered into facets. */
export interface BarsFigure extends FigureText {
  readonly kind: "bars";
  /** Its scale is linear, so that lengths can be compared. */
  readonly value: Axis;
  /** Whether the series of a group stand end to end, or each in a row of its own. */
  readonly arrangement: "stacked" | "grouped";
  readonly bars: readonly Bar[];
}

/** What happens when: a row a track, tracks gathered into facets. */
export interface TimelineFigure extends FigureText {
  readonly kind: "timeline";
  /** Its scale is linear. */
  readonly time: Axis;
  /** Rows from top to bottom; those of one facet stand together. */
  readonly tracks: readonly Track[];
  readonly slices: readonly TimelineSlice[];
}

export interface Track {
  readonly facet: string;
  /** Unlike any other in its facet. */
  readonly name: string;
}

/** A piece of time on a track, in base units. */
export interface TimelineSlice {
  readonly facet: string;
  readonly track: string;
  readonly series: string;
  readonly from: number;
  readonly to: number;
  /** Text inside, where there is room. */
  readonly label?: string;
}

export interface Axis {
  readonly label: string;
  /** What ticks are given in, such as `{ symbol: "billions", size: 1e9 }`; absent: numbers as they are. */
  readonly unit?: AxisUnit;
  readonly scale: "linear" | "log";
  /** Least and greatest value, in base units; absent: what the data needs. */
  readonly domain?: readonly [least: number, greatest: number];
}

export interface AxisUnit {
  readonly symbol: string;
  /** Base units in one of it. */
  readonly size: number;
}

export interface PointSeries {
  readonly name: string;
  readonly points: readonly FigurePoint[];
  /** Names of points to join by a line, in its order. */
  readonly front?: readonly string[];
}

/** A point, in base units. */
export interface FigurePoint {
  /** Unlike any other in its series. */
  readonly name: string;
  readonly x: number;
  readonly y: number;
  /** Text beside the point; absent: none. */
  readonly label?: string;
  /** Another x at the same height, shown by a tick that is joined to the point. */
  readonly tickX?: number;
  /** Drawn as a ring: its numbers are doubted. */
  readonly doubted?: true;
}

export type FigureLine = FigurePath | FigureRay;

/** Points joined in order, in base units. */
export interface FigurePath {
  readonly kind: "path";
  readonly name: string;
  readonly points: readonly { readonly x: number; readonly y: number }[];
}

/** A roofline: y = slope x up to a ceiling, in base units; without a ceiling a ray on which y / x is the same everywhere. */
export interface FigureRay {
  readonly kind: "ray";
  readonly name: string;
  readonly slope: number;
  readonly ceiling?: number;
  /** Absent: both. */
  readonly shows?: "slope" | "ceiling";
  /** Absent: a look of its own. */
  readonly stroke?: RayStroke;
}

/** How a ray among many is drawn. */
export interface RayStroke {
  /** That of the series of this name, or the n-th of colours that no series has. */
  readonly color: { readonly series: string } | { readonly line: number };
  readonly dash: "solid" | "dashed" | "dotted";
  /** Drawn faintly: its numbers are doubted. */
  readonly faded?: true;
}

export interface Bar {
  /** Absent: the figure has no facets. */
  readonly facet?: string;
  readonly group: string;
  readonly series: string;
  /** From 0, in base units. */
  readonly value: number;
}
