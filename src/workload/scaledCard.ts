import type { AttentionSpec, FfnSpec, GroupedSpec, LayerSpec, ModelCard } from "../model/card.ts";
import { InvalidInputError } from "../units/errors.ts";

/** Widths are multiples of it, and at least it: kernels take panels of 8 columns. */
const widthUnit = 8;

/**
 * A model in small: hidden size, ranks, widths, heads and layers divided by `divisor`, each kept at what kernels take. Elements of a head,
 * number of experts, top-k and vocabulary stay.
 *
 * Layers: of each sort that the model has at least one, in the model's order.
 *
 * @throws InvalidInputError for a divisor below 1.
 */
export function scaledCard(card: ModelCard, divisor: number): ModelCard {
  if (!(divisor >= 1 && divisor < Infinity))
    throw new InvalidInputError({ field: "--scale", value: divisor, expected: "a divisor of at least 1" });
  if (divisor === 1) return card;
  return {
    ...card,
    name: `${card.name} at 1/${divisor}`,
    hidden: scaledWidth(card.hidden, divisor),
    layers: fewerLayers(card.layers, divisor).map(({ attention, ffn }) => ({
      attention: scaledAttention(attention, divisor),
      ffn: scaledFfn(ffn, divisor),
    })),
  };
}

/** Of every sort of layer as many as its share, spread evenly over where they stand. */
function fewerLayers(layers: readonly LayerSpec[], divisor: number): LayerSpec[] {
  const placesOfSort = new Map<string, number[]>();
  for (const [place, layer] of layers.entries()) {
    const sort = JSON.stringify(layer);
    placesOfSort.set(sort, [...(placesOfSort.get(sort) ?? []), place]);
  }
  const kept = new Set<number>();
  for (const places of placesOfSort.values()) {
    const count = scaledCount(places.length, divisor);
    for (let index = 0; index < count; index++)
      kept.add(places[Math.floor(((index + 0.5) * places.length) / count)] as number);
  }
  return layers.filter((_, place) => kept.has(place));
}

function scaledAttention(attention: AttentionSpec, divisor: number): AttentionSpec {
  switch (attention.kind) {
    case "mfa":
      return {
        ...attention,
        ...scaledHeads(attention, divisor),
        queryRank: scaledWidth(attention.queryRank, divisor),
      };
    case "gqa":
    case "mqa":
    case "mha": {
      const heads = scaledHeads(attention, divisor);
      return { ...attention, ...heads, kind: kindOf(attention.kind, heads) };
    }
    case "mla": {
      const { queryHeads, queryRank, kvRank } = attention;
      return {
        ...attention,
        queryHeads: scaledCount(queryHeads, divisor),
        queryRank: queryRank === null ? null : scaledWidth(queryRank, divisor),
        kvRank: scaledWidth(kvRank, divisor),
      };
    }
    case "linear": {
      const { keyHeads, valueHeads } = attention;
      const scaled = scaledHeads({ kvHeads: keyHeads, queryHeads: valueHeads }, divisor);
      return { ...attention, keyHeads: scaled.kvHeads, valueHeads: scaled.queryHeads };
    }
  }
}

interface Heads {
  readonly queryHeads: number;
  readonly kvHeads: number;
}

/** As many query heads on each KV head as come nearest to the scaled number of query heads. */
function scaledHeads({ queryHeads, kvHeads }: Heads, divisor: number): Heads {
  const scaledKvHeads = scaledCount(kvHeads, divisor);
  return { kvHeads: scaledKvHeads, queryHeads: scaledKvHeads * scaledCount(queryHeads / scaledKvHeads, divisor) };
}

/** What the kind is called with that many heads. */
function kindOf(kind: GroupedSpec["kind"], { queryHeads, kvHeads }: Heads): GroupedSpec["kind"] {
  if (queryHeads === kvHeads) return "mha";
  return kvHeads === 1 ? "mqa" : kind;
}

function scaledFfn(ffn: FfnSpec, divisor: number): FfnSpec {
  if (ffn.kind === "dense") return { ...ffn, width: scaledWidth(ffn.width, divisor) };
  const { expertDim, sharedDim } = ffn;
  return {
    ...ffn,
    expertDim: scaledWidth(expertDim, divisor),
    sharedDim: sharedDim === 0 ? 0 : scaledWidth(sharedDim, divisor),
  };
}

function scaledWidth(width: number, divisor: number): number {
  return widthUnit * scaledCount(width / widthUnit, divisor);
}

function scaledCount(count: number, divisor: number): number {
  return Math.max(1, Math.round(count / divisor));
}
