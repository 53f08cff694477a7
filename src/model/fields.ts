import { z } from "zod";
import { InvalidInputError } from "../units/errors.ts";

/** A JSON object whose values have not been checked yet. */
export type RawObject = Readonly<Record<string, unknown>>;

/** The largest sizes that a configuration may name: far above any model, low enough that products stay finite. */
export const LIMITS = {
  hidden: 2 ** 17,
  layers: 1024,
  heads: 4096,
  headDim: 8192,
  width: 2 ** 20,
  experts: 8192,
  vocab: 2 ** 24,
  contextTokens: 2 ** 31,
} as const;

/** A whole number from 1 to `most`. */
export function wholeUpTo(most: number) {
  return z.int().min(1).max(most).describe(`a whole number from 1 to ${most}`);
}

/** A whole number from 0 to `most`. */
export function wholeOrZeroUpTo(most: number) {
  return z.int().min(0).max(most).describe(`a whole number from 0 to ${most}`);
}

/** A finite number above 0 and at most `most`. */
export function positiveUpTo(most: number) {
  return z.number().positive().max(most).describe(`a number above 0, at most ${most}`);
}

/** Exactly one of these values, for what the kernels and formulas hold for. */
export function oneOf<const T extends string | number | boolean | null>(...values: readonly T[]) {
  const text = values.map((value) => JSON.stringify(value)).join(" or ");
  return z.literal(values as readonly [T, ...T[]]).describe(text);
}

export const trueOrFalse = z.boolean().describe("true or false");

/** Hugging Face fields that say nothing about shapes, for any model type. */
const IGNORED_FIELDS: ReadonlySet<string> = new Set([
  ..."add_cross_attention architectures attention_dropout attn_implementation".split(" "),
  ..."auto_map aux_loss_alpha bad_words_ids begin_suppress_tokens bos_token_id chunk_size_feed_forward".split(" "),
  ..."cross_attention_hidden_size decoder_start_token_id diversity_penalty do_sample dtype early_stopping".split(" "),
  ..."encoder_no_repeat_ngram_size eos_token_id ep_size exponential_decay_length_penalty finetuning_task".split(" "),
  ..."forced_bos_token_id forced_eos_token_id id2label initializer_range is_decoder is_encoder_decoder".split(" "),
  ..."keys_to_ignore_at_inference label2id length_penalty max_length max_window_layers min_length".split(" "),
  ..."no_repeat_ngram_size num_beam_groups num_beams num_nextn_predict_layers num_return_sequences".split(" "),
  ..."output_attentions output_hidden_states output_router_logits output_scores pad_token_id prefix".split(" "),
  ..."pretraining_tp problem_type pruned_heads quantization_config remove_invalid_values repetition_penalty".split(" "),
  ..."return_dict return_dict_in_generate router_aux_loss_coef sep_token_id seq_aux suppress_tokens".split(" "),
  ..."task_specific_params temperature tf_legacy_loss tie_encoder_decoder tokenizer_class top_k top_p".split(" "),
  ..."torch_dtype torchscript transformers_version typical_p unsloth_fixed use_bfloat16 use_cache".split(" "),
]);

/**
 * Checks `raw` against `schema`: every field known, every value of the right type and range.
 * A schema's field carries what it allows as its description. `path` is how an error names the object (`FILE: `).
 * @throws InvalidInputError for the first field that is missing, wrong or unknown
 */
export function checkFields<Shape extends z.ZodRawShape>(
  raw: RawObject,
  schema: z.ZodObject<Shape>,
  path: string,
): z.infer<z.ZodObject<Shape>> {
  const knownFields = Object.keys(schema.shape);
  const unknownFields = Object.keys(raw).filter(
    (key) => !knownFields.includes(key) && !key.startsWith("_") && !IGNORED_FIELDS.has(key),
  );
  const parsed = schema.safeParse(raw);
  if (!parsed.success) throw fieldError(raw, schema, unknownFields, path, parsed.error);
  const [unknownField] = unknownFields;
  if (unknownField !== undefined) {
    throw new InvalidInputError({
      field: `${path}field`,
      value: unknownField,
      expected: "only fields of this model type",
      known: knownFields,
    });
  }
  return parsed.data;
}

/** What a field allows: its own description, or that of the type that it makes optional or nullable. */
function describe(type: z.core.$ZodType | undefined): string {
  const own = type instanceof z.ZodType ? type.description : undefined;
  if (own !== undefined) return own;
  if (type instanceof z.ZodOptional) return describe(type.unwrap());
  if (type instanceof z.ZodNullable) return `${describe(type.unwrap())}, or null`;
  return "another value";
}

function fieldError(
  raw: RawObject,
  schema: z.ZodObject,
  unknownFields: readonly string[],
  path: string,
  error: z.ZodError,
): InvalidInputError {
  const issuePath = error.issues[0]?.path ?? [];
  const key = String(issuePath[0] ?? "");
  const value = issuePath.reduce<unknown>(
    (inner, step) => (inner as Record<PropertyKey, unknown> | undefined)?.[step],
    raw,
  );
  const expected = describe(schema.shape[key]);
  const field = issuePath.map((step) => (typeof step === "number" ? `[${step}]` : String(step))).join("");
  if (Object.hasOwn(raw, key)) return new InvalidInputError({ field: `${path}${field}`, value, expected });
  const nearest = new InvalidInputError({ field, value: key, expected, known: unknownFields }).suggestions;
  const hint = nearest.length === 0 ? "" : ` (the file has ${nearest.map((name) => JSON.stringify(name)).join(", ")})`;
  return new InvalidInputError({ field: `${path}${field}`, value: undefined, expected: `${expected}${hint}` });
}
