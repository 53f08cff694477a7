import type { Slice } from "../../record/slice.ts";
import type { TimelineFigure, Track } from "./figure.ts";

/** Instances of a side that a picture has room for. */
const MOST_INSTANCES = 4;

/** What stands around a timeline. */
export interface TimelineText {
  readonly title: string;
  readonly subtitle: string;
  readonly notes: readonly string[];
}

/**
 * The slices of one deployment as a timeline: instances as facets, their lanes as tracks, micro-batches as series.
 * @param slices more than none
 */
export function timelineFigure({ title, subtitle, notes }: TimelineText, slices: readonly Slice[]): TimelineFigure {
  const shown = withinWork(slices)
    .filter(({ instance }) => instance < MOST_INSTANCES)
    .toSorted((one, other) => one.microBatch - other.microBatch);
  const left = slices.some(({ instance }) => instance >= MOST_INSTANCES);
  return {
    kind: "timeline",
    title,
    subtitle,
    time: { label: "Time", unit: { symbol: "µs", size: 1000 }, scale: "linear" },
    tracks: tracksOf(shown),
    slices: shown.map((slice) => ({
      facet: facetOf(slice),
      track: slice.lane,
      series: slice.lane === "outage" ? "outage" : `micro-batch ${slice.microBatch}`,
      from: slice.startNs,
      to: slice.endNs,
      ...(slice.lane === "outage" ? {} : { label: String(slice.layer) }),
    })),
    notes: [...(left ? [`The first ${MOST_INSTANCES} instances of each side are shown.`] : []), ...notes],
  };
}

/** Outages cut off where the drawn work ends, and left out beyond: they may be long after it. */
function withinWork(slices: readonly Slice[]): readonly Slice[] {
  const lastNs = slices.reduce((last, { lane, endNs }) => (lane === "outage" ? last : Math.max(last, endNs)), 0);
  return slices.flatMap((slice) => {
    if (slice.lane !== "outage") return [slice];
    return slice.startNs < lastNs ? [{ ...slice, endNs: Math.min(slice.endNs, lastNs) }] : [];
  });
}

const LANES = ["compute", "sending", "receiving", "outage"] as const satisfies readonly Slice["lane"][];

/** Attention above, FFN below, of each instance the lanes that are used. */
function tracksOf(slices: readonly Slice[]): readonly Track[] {
  const ordered = slices.toSorted(
    (one, other) =>
      Number(one.side === "ffn") - Number(other.side === "ffn") ||
      one.instance - other.instance ||
      LANES.indexOf(one.lane) - LANES.indexOf(other.lane),
  );
  const tracks = ordered.map((slice) => ({ facet: facetOf(slice), name: slice.lane }));
  return [...new Map(tracks.map((track) => [`${track.facet} ${track.name}`, track])).values()];
}

function facetOf({ side, instance }: Slice): string {
  return side === "attention" ? `attention ${instance}` : `FFN ${instance}`;
}
