import { InvalidInputError } from "../units/errors.ts";
import { LIMITS, type RawObject } from "./fields.ts";
import { type RopeScaling, SCALING_LIMITS, type ScaledRope, scalingFault, yarnMagnitude } from "./ropeScaling.ts";

/** The fields of a Hugging Face configuration that say how RoPE is scaled. */
export interface RopeFields {
  readonly max_position_embeddings: number;
  readonly rope_scaling?: RawObject | null | undefined;
  readonly rope_parameters?: RawObject | null | undefined;
}

/** Layers that a configuration may keep RoPE's fields apart for. */
export type RopeLayers = "full_attention" | "sliding_attention";

/**
 * The scaling that `rope_scaling` or the newer `rope_parameters` names; none where neither does. What an object leaves out follows from
 * `max_position_embeddings`, as in the classes.
 *
 * @throws InvalidInputError for a type that is not known here, a value that is missing or impossible, or two that differ.
 * @source transformers, modeling_rope_utils.py; an object's older `type` stands for `rope_type`.
 */
export function readRopeScaling(
  fields: RopeFields,
  path: string,
  rope: ScaledRope,
  layers: RopeLayers = "full_attention",
): RopeScaling {
  const [first, second] = ropeObjects(fields, path, layers).map((object) => readObject(object, rope));
  if (first === undefined) return { kind: "none" };
  if (second === undefined || JSON.stringify(first) === JSON.stringify(second)) return first;
  const expected = "the same as rope_scaling, or one of the two left out";
  throw new InvalidInputError({ field: `${path}rope_parameters`, value: fields.rope_parameters, expected });
}

/**
 * What DeepSeek's class multiplies its softmax scale with beside: mscale squared of all dimensions, where `mscale_all_dim` is there.
 *
 * @throws InvalidInputError where it is no number.
 * @source the modeling file released with DeepSeek-V2 and V3; YaRN (arXiv 2309.00071), section 3.4
 */
export function readScoreFactor(fields: RopeFields, path: string): number {
  const [object] = ropeObjects(fields, path, "full_attention");
  if (object === undefined || !object.raw["mscale_all_dim"]) return 1;
  return yarnMagnitude(factorOf(object), numberOf(object, "mscale_all_dim", MSCALE)) ** 2;
}

/** An object that names a type, and how errors name it. */
interface RopeObject {
  readonly raw: RawObject;
  readonly field: string;
  /** Longest context of the model. */
  readonly tokens: number;
}

const TYPES = ["default", "linear", "ntk", "dynamic", "yarn", "llama3", "longrope"] as const;
const MSCALE = [1e-6, 100] as const;

/** How a configuration spells what a scaling calls otherwise. */
const SPELLING: Readonly<Record<string, string>> = {
  betaFast: "beta_fast",
  highFactor: "high_freq_factor",
  shortFactors: "short_factor",
  longFactors: "long_factor",
  kind: "rope_type",
};

/** `rope_scaling` is of layers that see the whole context; `rope_parameters` may have an object for each kind of layer, else it is as that. */
function ropeObjects(
  { rope_scaling, rope_parameters, max_position_embeddings: tokens }: RopeFields,
  path: string,
  layers: RopeLayers,
): RopeObject[] {
  const own = rope_parameters?.[layers];
  const isFull = layers === "full_attention";
  const candidates = [
    ...(isFull ? [{ raw: rope_scaling, field: `${path}rope_scaling` }] : []),
    // With a base alone it says nothing of scaling.
    ...(isFull && namesType(rope_parameters) ? [{ raw: rope_parameters, field: `${path}rope_parameters` }] : []),
    ...(namesType(own) ? [{ raw: own, field: `${path}rope_parameters.${layers}` }] : []),
  ];
  return candidates.flatMap(({ raw, field }) => (isObject(raw) ? [{ raw, field, tokens }] : []));
}

function readObject(object: RopeObject, rope: ScaledRope): RopeScaling {
  const scaling = scalingOf(object);
  const fault = scalingFault(scaling, rope);
  if (fault === undefined) return scaling;
  const { field, value, expected } = fault;
  throw new InvalidInputError({ field: `${object.field}.${SPELLING[field] ?? field}`, value, expected });
}

function scalingOf(object: RopeObject): RopeScaling {
  const { raw, field } = object;
  const typeKey = "rope_type" in raw || !("type" in raw) ? "rope_type" : "type";
  const type = TYPES.find((name) => name === raw[typeKey]);
  const turns = SCALING_LIMITS.turns;
  switch (type) {
    case "default":
      return { kind: "none" };
    case "linear":
    case "ntk":
      return { kind: type, factor: factorOf(object) };
    case "dynamic":
      return { kind: "dynamic", factor: factorOf(object), originalTokens: originalTokensOf(object) };
    case "yarn":
      return {
        kind: "yarn",
        factor: factorOf(object),
        originalTokens: originalTokensOf(object),
        betaFast: numberOf(object, "beta_fast", turns, 32),
        betaSlow: numberOf(object, "beta_slow", turns, 1),
        truncate: truncateOf(object),
        attentionFactor: yarnAttentionFactor(object),
      };
    case "llama3":
      return {
        kind: "llama3",
        factor: factorOf(object),
        originalTokens: originalTokensOf(object),
        lowFactor: numberOf(object, "low_freq_factor", turns),
        highFactor: numberOf(object, "high_freq_factor", turns),
      };
    case "longrope":
      return {
        kind: "longrope",
        originalTokens: originalTokensOf(object),
        shortFactors: divisorsOf(object, "short_factor"),
        longFactors: divisorsOf(object, "long_factor"),
        attentionFactor: longRopeAttentionFactor(object),
      };
    case undefined: {
      const expected = `one of ${TYPES.join(", ")}`;
      throw new InvalidInputError({ field: `${field}.${typeKey}`, value: raw[typeKey], expected, known: TYPES });
    }
  }
}

/** Left out, it is the longest context over the original one. */
function factorOf(object: RopeObject): number {
  const { raw, tokens } = object;
  const isKnown = (raw["original_max_position_embeddings"] ?? undefined) !== undefined;
  return numberOf(
    object,
    "factor",
    SCALING_LIMITS.factor,
    isKnown ? Math.max(1, tokens / originalTokensOf(object)) : undefined,
  );
}

function originalTokensOf({ raw, field, tokens }: RopeObject): number {
  const name = "original_max_position_embeddings";
  const value = raw[name] ?? tokens;
  if (typeof value === "number" && Number.isSafeInteger(value) && value >= 1 && value <= LIMITS.contextTokens)
    return value;
  const expected = `a whole number from 1 to ${LIMITS.contextTokens}`;
  throw new InvalidInputError({ field: `${field}.${name}`, value, expected });
}

/** The configuration's own, or YaRN's; the quotient of two where it names both mscale and mscale_all_dim. */
function yarnAttentionFactor(object: RopeObject): number {
  const { raw } = object;
  const factor = factorOf(object);
  const isRatio = Boolean(raw["mscale"]) && Boolean(raw["mscale_all_dim"]);
  const magnitude = (name: string): number => yarnMagnitude(factor, numberOf(object, name, MSCALE));
  const fallback = isRatio ? magnitude("mscale") / magnitude("mscale_all_dim") : yarnMagnitude(factor);
  return numberOf(object, "attention_factor", SCALING_LIMITS.attentionFactor, fallback);
}

/** @source LongRoPE (arXiv 2402.13753) */
function longRopeAttentionFactor(object: RopeObject): number {
  const { raw } = object;
  const original = originalTokensOf(object);
  const factor = raw["factor"] === undefined ? Math.max(1, object.tokens / original) : factorOf(object);
  const fallback = factor <= 1 || original === 1 ? 1 : Math.sqrt(1 + Math.log(factor) / Math.log(original));
  return numberOf(object, "attention_factor", SCALING_LIMITS.attentionFactor, fallback);
}

function truncateOf({ raw, field }: RopeObject): boolean {
  const value = raw["truncate"] ?? true;
  if (typeof value === "boolean") return value;
  throw new InvalidInputError({ field: `${field}.truncate`, value, expected: "true or false" });
}

function divisorsOf({ raw, field }: RopeObject, name: string): readonly number[] {
  const value = raw[name];
  const [least, most] = SCALING_LIMITS.divisor;
  if (Array.isArray(value) && value.every((one) => isBetween(one, least, most))) return value;
  throw new InvalidInputError({
    field: `${field}.${name}`,
    value,
    expected: `a list of numbers from ${least} to ${most}`,
  });
}

/** A number of an object; where it is null or absent the fallback, if there is one. */
function numberOf(
  { raw, field }: RopeObject,
  name: string,
  [least, most]: readonly [number, number],
  fallback?: number,
): number {
  const value = raw[name] ?? fallback;
  if (isBetween(value, least, most)) return value;
  throw new InvalidInputError({ field: `${field}.${name}`, value, expected: `a number from ${least} to ${most}` });
}

function isBetween(value: unknown, least: number, most: number): value is number {
  return typeof value === "number" && value >= least && value <= most;
}

function namesType(value: unknown): boolean {
  return isObject(value) && ("rope_type" in value || "type" in value);
}

function isObject(value: unknown): value is RawObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
