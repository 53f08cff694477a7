import type { Markish, PlotOptions } from "@observablehq/plot";
import type { SeriesLook } from "./palette.ts";

/** The drawing library, which is loaded only where a picture is asked for. */
export type PlotLibrary = typeof import("@observablehq/plot");

/** What the inside of a picture needs; title, legend and notes are put around it. */
export interface Drawing {
  /** Of the inside, between the axes. */
  readonly height: number;
  readonly marginLeft: number;
  readonly marginRight: number;
  /** Below the inside, for ticks. */
  readonly marginBottom: number;
  readonly scales: Pick<PlotOptions, "x" | "y">;
  /** @param top where the inside begins, in pixels */
  marks(plot: PlotLibrary, top: number): Markish[];
  readonly legend: readonly LegendEntry[];
  readonly xLabel: string;
  readonly yLabel?: string;
  /** Sentences about what could not be shown; asked for after drawing. */
  remarks(): readonly string[];
}

export interface LegendEntry {
  readonly name: string;
  readonly mark: "point" | "line" | "bar";
  readonly look: SeriesLook;
}

/** A picture's width in pixels. */
export const FIGURE_WIDTH = 900;

export const FONT_SIZE = { title: 18, panel: 14, subtitle: 13, text: 12, notes: 11 } as const;

/** Height of a line of text. */
export function lineHeight(fontSize: number): number {
  return Math.ceil(fontSize * 1.35);
}
