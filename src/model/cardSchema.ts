import { z } from "zod";
import { attentionSchema as attention } from "./attentionSchema.ts";
import { object, positive, whole } from "./cardFields.ts";
import { ffnSchema as ffn } from "./ffnSchema.ts";
import { LIMITS } from "./fields.ts";

const equalLayers = object(
  {
    count: whole(LIMITS.layers, "Layers of this kind, one after another.").default(1),
    attention,
    ffn,
  },
  "Layers that are all alike.",
).meta({ id: "equalLayers" });

const repeatedLayers = object(
  {
    repeat: whole(LIMITS.layers, "How often the pattern stands one after another."),
    layers: z
      .array(equalLayers, "a list of groups of layers")
      .min(1, "at least one group of layers")
      .meta({ description: "Groups of equal layers that make the pattern." }),
  },
  "A pattern of layers that repeats.",
);

/** A model card as people write it; what it leaves out and has no default is refused. Documented in docs/cards.md. */
export const cardSchema = object(
  {
    name: z
      .string("a text")
      .regex(
        /^[^\s.=,]+(\.[^\s.=,]+)*$/u,
        'a name without blanks, "," and "=", with dots only between other characters',
      )
      .max(100, "at most 100 characters")
      .optional()
      .meta({ description: "Name of the model; absent: the file's." }),
    source: z
      .string("a text")
      .min(1, "a text that is not empty")
      .max(1000, "at most 1000 characters")
      .optional()
      .meta({ description: "Where the values come from; absent: the file's name." }),
    hidden: whole(LIMITS.hidden, "Values of a token between layers."),
    vocab: whole(LIMITS.vocab, "Entries of the vocabulary."),
    tiedEmbeddings: z.boolean("true or false").meta({ description: "Whether the output head is the embedding table." }),
    maxContextTokens: whole(LIMITS.contextTokens, "Longest context that the model is made for."),
    rmsNormEpsilon: positive(1, "What RMS norms add under the root; no shape depends on it.").default(1e-6),
    layers: z
      .array(
        z.union([equalLayers, repeatedLayers], "an object with attention and ffn, or with repeat and layers"),
        "a list of groups of layers",
      )
      .min(1, "at least one group of layers")
      .meta({ description: "Groups of decoder layers, first to last." }),
  },
  "A model card of afdbench, written by hand.",
);

/** A card as its schema gives it, defaults filled in. */
export type WrittenCard = z.output<typeof cardSchema>;

/** JSON Schema (draft 2020-12) of a hand-written card. */
export function cardJsonSchema(): Record<string, unknown> {
  return { title: "afdbench model card", ...z.toJSONSchema(cardSchema, { io: "input" }) };
}
