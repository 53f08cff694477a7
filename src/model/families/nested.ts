import { z } from "zod";
import type { ModelFacts } from "../card.ts";
import { type RawObject, trueOrFalse } from "../fields.ts";
import { readFields } from "../read-fields.ts";

const schema = z.object({
  text_config: z.record(z.string(), z.unknown()).describe("an object with the language model's fields"),
  tie_word_embeddings: trueOrFalse.optional(),
});

/**
 * Reads a configuration whose language model lies in `text_config`. Whether embeddings are tied is the outer object's
 * word where it says so: its class holds the output head.
 */
export function readNested(
  raw: RawObject,
  modelType: string,
  path: string,
  readText: (text: RawObject, path: string) => ModelFacts,
): ModelFacts {
  const { fields, notes } = readFields(raw, { modelType, schema, defaults: {} }, path);
  const tied = fields.tie_word_embeddings;
  const text = tied === undefined ? fields.text_config : { ...fields.text_config, tie_word_embeddings: tied };
  const facts = readText(text, `${path}text_config.`);
  return { ...facts, notes: [...facts.notes, ...notes] };
}
