import { type AnyDocument, rowShapesOf } from "../record/schemas.ts";
import { documentText } from "../record/text.ts";
import { benchBlocks } from "./benchBlocks.ts";
import type { Block } from "./block.ts";
import { envBlocks, hardwareBlocks, modelsBlocks } from "./catalogBlocks.ts";
import { codesignBlocks, costBlocks } from "./costBlocks.ts";
import { csvText } from "./csv.ts";
import { intensityBlocks } from "./intensityBlocks.ts";
import { markdownText } from "./markdown.ts";
import { paperBlocks } from "./paperBlocks.ts";
import { pipelineBlocks } from "./pipelineBlocks.ts";
import { planBlocks } from "./planBlocks.ts";
import { projectBlocks, validateBlocks } from "./projectBlocks.ts";
import { rooflineBlocks } from "./rooflineBlocks.ts";
import { simulateBlocks } from "./simulateBlocks.ts";
import { stressBlocks } from "./stressBlocks.ts";
import type { Style } from "./style.ts";
import { tableText } from "./table.ts";

export type Format = "table" | "md" | "csv" | "json";

export interface RenderOptions {
  style: Style;
  /** Width of the terminal in characters; a table is laid out for 120 to 160. */
  columns: number;
  /** The one row shape to print; absent: every shape (csv: the command's first). */
  shape?: string;
}

/** A document as text in one of the formats, with a line break at its end. */
export function render(document: AnyDocument, format: Format, options: RenderOptions): string {
  const { shape } = options;
  const chosen = shape === undefined ? document : onlyShape(document, shape);
  switch (format) {
    case "json":
      return documentText(chosen);
    case "csv":
      return csvText(document, shape ?? rowShapesOf(document.command)[0] ?? "");
    case "md":
      return markdownText(blocksOf(chosen, WIDE));
    case "table":
      return tableText(blocksOf(chosen, options.columns), options.style, options.columns);
  }
}

/** Markdown has no width. */
const WIDE = Number.POSITIVE_INFINITY;

function onlyShape(document: AnyDocument, shape: string): AnyDocument {
  switch (document.command) {
    case "bench":
      return { ...document, rows: document.rows.filter(({ row }) => row === shape) };
    case "roofline":
      return { ...document, rows: document.rows.filter(({ row }) => row === shape) };
    case "intensity":
      return { ...document, rows: document.rows.filter(({ row }) => row === shape) };
    case "models":
      return { ...document, rows: document.rows.filter(({ row }) => row === shape) };
    case "pipeline":
      return { ...document, rows: document.rows.filter(({ row }) => row === shape) };
    case "plan":
      return { ...document, rows: document.rows.filter(({ row }) => row === shape) };
    case "project":
      return { ...document, rows: document.rows.filter(({ row }) => row === shape) };
    case "validate":
      return { ...document, rows: document.rows.filter(({ row }) => row === shape) };
    default:
      return document;
  }
}

function blocksOf(document: AnyDocument, columns: number): Block[] {
  switch (document.command) {
    case "bench":
      return benchBlocks(document, columns);
    case "roofline":
      return rooflineBlocks(document);
    case "intensity":
      return intensityBlocks(document);
    case "models":
      return modelsBlocks(document);
    case "hardware":
      return hardwareBlocks(document);
    case "cost":
      return costBlocks(document);
    case "codesign":
      return codesignBlocks(document);
    case "project":
      return projectBlocks(document);
    case "validate":
      return validateBlocks(document);
    case "paper":
      return paperBlocks(document);
    case "plan":
      return planBlocks(document);
    case "simulate":
      return simulateBlocks(document);
    case "stress":
      return stressBlocks(document);
    case "pipeline":
      return pipelineBlocks(document);
    case "env":
      return envBlocks(document);
  }
}
