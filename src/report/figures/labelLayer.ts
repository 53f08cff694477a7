import type { RenderFunction } from "@observablehq/plot";
import { FONT_SIZE, lineHeight } from "./drawing.ts";
import { INK } from "./palette.ts";
import { type Anchor, type LabelRequest, placeLabels, type Segment } from "./placeLabels.ts";
import { spreadApart } from "./spreadApart.ts";
import { svgElement, svgText } from "./svgText.ts";
import { drawable, shortenTo, textWidth } from "./textWidth.ts";

interface XY {
  readonly x: number;
  readonly y: number;
}

/** A text beside a point or along a line, in the units of the axes. */
export type Label = { readonly text: string; readonly fill: string } & (
  | { readonly beside: XY; readonly radius: number }
  /** With a leader where other lines are close by. */
  | { readonly along: readonly XY[]; readonly leaders: "none" | "some" }
);

/** A text right of the frame, where a line ends. */
export interface EndLabel {
  readonly text: string;
  readonly fill: string;
  readonly end: XY;
}

/** What labels stand among, in the units of the axes. */
export interface LabelLayerInput {
  readonly labels: readonly Label[];
  readonly ends: readonly EndLabel[];
  readonly points: readonly (XY & { readonly radius: number })[];
  readonly lines: readonly (readonly XY[])[];
}

export interface LabelLayer {
  readonly mark: RenderFunction;
  /** What had no room; known after drawing. */
  remarks(): readonly string[];
}

/** All labels of a picture as one mark, placed when the axes are known. */
export function labelLayer({ labels, ends, points, lines }: LabelLayerInput): LabelLayer {
  const texts = labels.map(({ text }) => shortenTo(LONGEST_LABEL, drawable(text), FONT_SIZE.text));
  const left: string[] = [];
  return {
    mark: (_index, scales, _values, { width, height, marginTop, marginRight, marginBottom, marginLeft }, context) => {
      const { document } = context;
      const toPixels = pixelsOf(scales);
      const places = placeLabels({
        frame: {
          left: marginLeft + 2,
          top: marginTop + 2,
          right: width - marginRight + EDGE,
          bottom: height - marginBottom - 2,
        },
        labels: labels.map((label, index) => requestOf(label, texts[index] ?? "", toPixels)),
        points: points.map((point) => ({ ...toPixels(point), radius: point.radius })),
        segments: lines.flatMap((line) => segmentsOf(line.map(toPixels))),
      });
      const layer = svgElement(document, "g", { "aria-label": "labels" });
      for (const place of places) {
        if (place?.leader === undefined) continue;
        layer.append(svgElement(document, "line", { ...place.leader, stroke: INK.axis, "stroke-width": 0.8 }));
      }
      for (const [index, place] of places.entries()) {
        const text = texts[index] ?? "";
        if (place === undefined) {
          left.push(text);
          continue;
        }
        const { box } = place;
        const y = (box.top + box.bottom) / 2 + FONT_SIZE.text * HALF_X_HEIGHT;
        const x = (box.left + box.right) / 2;
        const fill = labels[index]?.fill ?? INK.text;
        layer.append(svgText(document, { text, x, y, fontSize: FONT_SIZE.text, anchor: "middle", fill, halo: true }));
      }
      const right = width - marginRight;
      const rows = [marginTop + END_ROW / 2, height - marginBottom - END_ROW / 2] as const;
      layer.append(...endLabels(document, ends, { toPixels, right, rows }));
      return layer;
    },
    remarks: () => (left.length === 0 ? [] : [`Without a label, for want of room: ${left.join(", ")}.`]),
  };
}

const LONGEST_LABEL = 220;
/** A label may reach this far into the right margin. */
const EDGE = 18;
/** From the middle of a line of text to its baseline, in ems. */
const HALF_X_HEIGHT = 0.35;
const POINT_DISTANCES = [4, 14, 26, 42, 64];
const LINE_DISTANCES = [5];
const LED_DISTANCES = [5, 14, 26, 42];
/** Places along a line, as shares of its length, from its end. */
const ALONG = [0.97, 0.92, 0.86, 0.8, 0.72, 0.64, 0.55, 0.45, 0.35, 0.25, 0.15];

/** How wide a text right of the frame is at most, its leader included. */
export function endLabelWidth(text: string): number {
  return END_LEADER + 6 + textWidth(text, FONT_SIZE.text);
}

const END_LEADER = 14;
const END_ROW = 16;

interface EndPlaces {
  readonly toPixels: (point: XY) => XY;
  /** Of the frame. */
  readonly right: number;
  readonly rows: readonly [top: number, bottom: number];
}

/** Texts in a column right of the frame, each at the height of its line or as near as the others leave room. */
function endLabels(
  document: Document,
  labels: readonly EndLabel[],
  { toPixels, right, rows }: EndPlaces,
): readonly SVGElement[] {
  const wanted = labels.map((label) => ({ ...label, y: toPixels(label.end).y })).sort((one, other) => one.y - other.y);
  const places = spreadApart(
    wanted.map(({ y }) => y),
    END_ROW,
    rows,
  );
  return wanted.flatMap(({ text, fill, y }, index) => {
    const row = places[index] ?? y;
    const leader = { x1: right, y1: y, x2: right + END_LEADER, y2: row, stroke: INK.axis, "stroke-width": 0.8 };
    const place = { x: right + END_LEADER + 3, y: row + FONT_SIZE.text * HALF_X_HEIGHT };
    return [
      svgElement(document, "line", leader),
      svgText(document, { text: drawable(text), ...place, fontSize: FONT_SIZE.text, fill }),
    ];
  });
}

function requestOf(label: Label, text: string, toPixels: (point: XY) => XY): LabelRequest {
  const size = { width: textWidth(text, FONT_SIZE.text) + 2, height: lineHeight(FONT_SIZE.text) - 1 };
  if ("beside" in label) {
    const anchor = { ...toPixels(label.beside), radius: label.radius };
    return { ...size, anchors: [anchor], distances: POINT_DISTANCES };
  }
  return {
    ...size,
    anchors: anchorsAlong(label.along.map(toPixels)),
    distances: label.leaders === "some" ? LED_DISTANCES : LINE_DISTANCES,
  };
}

function anchorsAlong(points: readonly XY[]): readonly Anchor[] {
  const segments = segmentsOf(points);
  const lengths = segments.map(({ x1, y1, x2, y2 }) => Math.hypot(x2 - x1, y2 - y1));
  const whole = lengths.reduce((sum, one) => sum + one, 0);
  return ALONG.flatMap((share): Anchor[] => {
    let rest = share * whole;
    for (const [index, { x1, y1, x2, y2 }] of segments.entries()) {
      const length = lengths[index] ?? 0;
      if (rest <= length && length > 0) {
        const part = rest / length;
        return [{ x: x1 + (x2 - x1) * part, y: y1 + (y2 - y1) * part, radius: 0 }];
      }
      rest -= length;
    }
    return [];
  });
}

function segmentsOf(points: readonly XY[]): readonly Segment[] {
  return points.slice(1).map(({ x, y }, index) => {
    const from = points[index] ?? { x, y };
    return { x1: from.x, y1: from.y, x2: x, y2: y };
  });
}

function pixelsOf({ x, y }: Parameters<RenderFunction>[1]): (point: XY) => XY {
  if (x === undefined || y === undefined) throw new Error("a label layer needs both scales");
  return (point) => ({ x: Number(x(point.x)), y: Number(y(point.y)) });
}
