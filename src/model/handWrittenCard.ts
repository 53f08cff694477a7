import { InvalidInputError } from "../units/errors.ts";
import type { AttentionSpec, FfnSpec, LayerSpec, MfaSpec, ModelCard } from "./card.ts";
import { cardFault } from "./cardFault.ts";
import { cardSchema, type WrittenCard } from "./cardSchema.ts";
import { LIMITS } from "./fields.ts";
import { parametersTotal } from "./parameters.ts";

type WrittenLayers = Extract<WrittenCard["layers"][number], { count: number }>;

/**
 * Reads a hand-written card (docs/cards.md) that is parsed already. `fileName` names the file in errors; `name` and
 * `source` are the card's where it does not say.
 * @throws InvalidInputError naming file, field, value and what is allowed
 */
export function readHandWrittenCard(
  value: unknown,
  fileName: string,
  { name, source }: Pick<ModelCard, "name" | "source">,
): ModelCard {
  const parsed = cardSchema.safeParse(value);
  if (!parsed.success) throw cardFault(value, parsed.error.issues, fileName);
  const written = parsed.data;
  const card: ModelCard = {
    name: written.name ?? name,
    modelType: HAND_WRITTEN,
    source: written.source ?? source,
    hidden: written.hidden,
    vocab: written.vocab,
    rmsNormEpsilon: written.rmsNormEpsilon,
    tiedEmbeddings: written.tiedEmbeddings,
    maxContextTokens: written.maxContextTokens,
    layers: layersOf(written.layers, `${fileName}: layers`),
    notes: [],
  };
  const total = parametersTotal(card);
  if (Number.isSafeInteger(total)) return card;
  const expected = "at most 2^53 - 1 parameters in all";
  throw new InvalidInputError({ field: `${fileName}: sizes`, value: total, expected });
}

/** What stands where other cards name a Hugging Face `model_type`. */
const HAND_WRITTEN = "hand-written";

function layersOf(groups: WrittenCard["layers"], field: string): readonly LayerSpec[] {
  // Counted before they are made: a card may ask for 1024 x 1024 x 1024.
  const count = groups.reduce((total, group) => total + layerCount(group), 0);
  if (count > LIMITS.layers) {
    throw new InvalidInputError({ field, value: count, expected: `at most ${LIMITS.layers} layers in all` });
  }
  return groups.flatMap((group) =>
    "repeat" in group
      ? Array.from({ length: group.repeat }, () => group.layers.flatMap(equalLayers)).flat()
      : equalLayers(group),
  );
}

function layerCount(group: WrittenCard["layers"][number]): number {
  if (!("repeat" in group)) return group.count;
  return group.repeat * group.layers.reduce((total, { count }) => total + count, 0);
}

function equalLayers({ count, attention, ffn }: WrittenLayers): readonly LayerSpec[] {
  const layer: LayerSpec = { attention: attentionOf(attention), ffn: ffnOf(ffn) };
  return Array.from({ length: count }, () => layer);
}

function attentionOf(attention: WrittenLayers["attention"]): AttentionSpec {
  switch (attention.kind) {
    case "mfa":
    case "gqa":
      return { ...attention, ...headsOf(attention) };
    case "mha":
      return { ...attention, ...headsOf(attention), kvHeads: attention.queryHeads };
    case "mqa":
      return { ...attention, ...headsOf(attention), kvHeads: 1 };
    case "mla": {
      const { nopeHeadDim, ropeHeadDim, softmaxScale = (nopeHeadDim + ropeHeadDim) ** -0.5 } = attention;
      return { ...attention, ropeDims: ropeHeadDim, softmaxScale };
    }
    case "linear":
      return attention;
  }
}

/** What follows from a head's width where a card leaves it out. */
function headsOf({
  headDim,
  ropeDims = headDim,
  softmaxScale = headDim ** -0.5,
}: {
  readonly headDim: number;
  readonly ropeDims?: number | undefined;
  readonly softmaxScale?: number | undefined;
}): Pick<MfaSpec, "ropeDims" | "softmaxScale"> {
  return { ropeDims, softmaxScale };
}

function ffnOf(ffn: WrittenLayers["ffn"]): FfnSpec {
  if (ffn.kind === "dense") return ffn;
  return { ...ffn, router: { ...ffn.router, groupsKept: ffn.router.groupsKept ?? ffn.router.groups } };
}
