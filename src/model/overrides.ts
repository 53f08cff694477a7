import { InvalidInputError } from "../units/errors.ts";
import type { Setting } from "../units/parse.ts";
import type { RawObject } from "./fields.ts";

/**
 * A model's fields with one replaced or added: a Hugging Face configuration's, or a card's (`layers[0].ffn.width`). A
 * field that the object itself lacks is that of its `text_config`, where there is one. The value is a JSON scalar or list,
 * else text; whether the model has such a field is its reader's to say.
 * @throws InvalidInputError where the path leads through something that has no fields
 */
export function overrideFields(fields: RawObject, setting: Setting): RawObject {
  return replaceField(fields, setting, parseValue(setting.value));
}

/**
 * As `overrideFields`, with a value that is parsed already.
 * @throws InvalidInputError where the path leads through something that has no fields
 */
export function replaceField(fields: RawObject, setting: Setting, value: unknown): RawObject {
  const [first = "", ...rest] = setting.path.replaceAll(/\[(\d+)\]/g, ".$1").split(".");
  const inner = fields["text_config"];
  const nested = !Object.hasOwn(fields, first) && isObject(inner) && first !== "text_config";
  const steps = nested ? ["text_config", first, ...rest] : [first, ...rest];
  return replaced(fields, steps, value, setting) as RawObject;
}

/** What `holder` becomes with the value at `steps`; objects and lists on the way are copied. */
function replaced(holder: unknown, [step = "", ...rest]: readonly string[], value: unknown, setting: Setting): unknown {
  const inner = (current: unknown) => (rest.length === 0 ? value : replaced(current, rest, value, setting));
  if (isObject(holder)) {
    const current = Object.hasOwn(holder, step) ? holder[step] : undefined;
    return { ...holder, [step]: inner(current) };
  }
  const field = `--set ${setting.name}.${setting.path}`;
  if (!Array.isArray(holder)) {
    throw new InvalidInputError({ field, value: holder, expected: `a field that has a field ${step}` });
  }
  const index = /^\d{1,9}$/.test(step) ? Number(step) : holder.length;
  if (index >= holder.length) {
    const expected = `an index from 0 to ${holder.length - 1} into the list`;
    throw new InvalidInputError({ field, value: step, expected });
  }
  return holder.with(index, inner(holder[index]));
}

function parseValue(text: string): unknown {
  try {
    const value: unknown = JSON.parse(text);
    return isObject(value) ? text : value;
  } catch {
    return text;
  }
}

function isObject(value: unknown): value is RawObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
