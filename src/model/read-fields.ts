import { z } from "zod";
import { InvalidInputError, nearestNames, printable } from "../units/errors.ts";
import type { RawObject } from "./fields.ts";
import { isIgnoredField } from "./ignored-fields.ts";

/** What stands in for a field that a file leaves out: a value, or one that follows from other fields (or `undefined`). */
export type Default = string | number | boolean | null | readonly unknown[] | ((given: RawObject) => unknown);

/** Which fields a model type has, and what its class supplies where a file leaves one out. */
export interface FieldRules<Shape extends z.ZodRawShape> {
  readonly modelType: string;
  /** A schema's field carries what it allows as its description. */
  readonly schema: z.ZodObject<Shape>;
  /** A default that is a function also stands in for `null`. */
  readonly defaults: Readonly<Record<string, Default>>;
  /** Other names of a field, dotted where they lie in an object (`rope_parameters.rope_theta`). */
  readonly aliases?: Readonly<Record<string, readonly string[]>>;
}

/** Checked fields, and what a reader of the numbers should know of how they came about. */
export interface ReadFields<Shape extends z.ZodRawShape> {
  readonly fields: z.infer<z.ZodObject<Shape>>;
  readonly notes: readonly string[];
  /** How an error names the object that the fields lie in (`FILE: text_config.`). */
  readonly path: string;
  readonly modelType: string;
}

/** Where a value was found, as the file spells it. */
interface Found {
  readonly name: string;
  readonly value: unknown;
}

const MOST_LISTED_FIELDS = 20;
const LONGEST_SHOWN_CHARACTERS = 60;

/** A misspelling drops, adds or changes letters; a name that is longer by more is another name. */
const MOST_EXTRA_CHARACTERS = 2;

/**
 * Reads the fields of a model type. What the class supplies, and fields that are not known here, become notes.
 * @throws InvalidInputError for the first field that is missing, wrong, given twice, or misspelt
 */
export function readFields<Shape extends z.ZodRawShape>(
  raw: RawObject,
  rules: FieldRules<Shape>,
  path: string,
): ReadFields<Shape> {
  checkModelType(raw, rules.modelType, path);
  const names = Object.keys(rules.schema.shape);
  const found = new Map(names.map((name) => [name, find(raw, name, rules.aliases?.[name] ?? [], path)]));
  const given = Object.fromEntries(names.map((name) => [name, found.get(name)?.value]));
  const supplied = suppliedValues(given, rules);
  const unknown = unknownFields(raw, names, rules.aliases ?? {});
  const parsed = rules.schema.safeParse({ ...given, ...supplied });
  if (!parsed.success) throw fieldError({ ...given, ...supplied }, rules.schema, found, unknown, path, parsed.error);
  checkSpelling(
    unknown,
    names.filter((name) => found.get(name) === undefined),
    path,
  );
  const notes = [...defaultNotes(supplied, rules.modelType), ...unknownNotes(unknown, path)];
  return { fields: parsed.data, notes, path, modelType: rules.modelType };
}

/** A nested object may name its model type, or leave it to the outer one. */
function checkModelType(raw: RawObject, modelType: string, path: string): void {
  const value = raw["model_type"];
  if (value === undefined || value === modelType) return;
  throw new InvalidInputError({ field: `${path}model_type`, value, expected: JSON.stringify(modelType) });
}

function find(raw: RawObject, name: string, aliases: readonly string[], path: string): Found | undefined {
  const own: readonly Found[] = [{ name, value: valueAt(raw, name) }];
  const others = aliases.map((alias) => ({ name: alias, value: valueAt(raw, alias) ?? undefined }));
  const [first, ...rest] = [...own, ...others].filter(({ value }) => value !== undefined);
  const other = rest.find(({ value }) => value !== first?.value);
  if (first === undefined || other === undefined) return first;
  const expected = `the same as ${first.name}, or one of the two left out`;
  throw new InvalidInputError({ field: `${path}${other.name}`, value: other.value, expected });
}

function valueAt(raw: RawObject, dotted: string): unknown {
  return dotted.split(".").reduce<unknown>((inner, step) => {
    if (typeof inner !== "object" || inner === null || Array.isArray(inner)) return undefined;
    return Object.hasOwn(inner, step) ? (inner as RawObject)[step] : undefined;
  }, raw);
}

function suppliedValues({ ...given }: RawObject, { defaults }: { readonly defaults: FieldRules<never>["defaults"] }) {
  const supplied: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(defaults)) {
    if (typeof value !== "function" && given[name] === undefined) supplied[name] = value;
  }
  for (const [name, value] of Object.entries(defaults)) {
    if (typeof value !== "function" || (given[name] ?? null) !== null) continue;
    const derived = value({ ...given, ...supplied });
    if (derived !== undefined) supplied[name] = derived;
  }
  return supplied;
}

function unknownFields(
  raw: RawObject,
  names: readonly string[],
  aliases: Readonly<Record<string, readonly string[]>>,
): readonly string[] {
  const outerNames = Object.values(aliases)
    .flat()
    .map((alias) => alias.split(".")[0]);
  const known = new Set(["model_type", ...names, ...outerNames]);
  return Object.keys(raw).filter((name) => !known.has(name) && !isIgnoredField(name));
}

function checkSpelling(unknown: readonly string[], absent: readonly string[], path: string): void {
  for (const name of unknown) {
    const known = absent.filter((candidate) => Math.abs(candidate.length - name.length) <= MOST_EXTRA_CHARACTERS);
    if (known.length === 0 || nearestNames(name, known).length === 0) continue;
    const expected = "only fields of this model type";
    throw new InvalidInputError({ field: `${path}field`, value: name, expected, known });
  }
}

function defaultNotes(supplied: RawObject, modelType: string): readonly string[] {
  const values = Object.entries(supplied).map(([name, value]) => `${name} ${shorten(JSON.stringify(value))}`);
  return values.length === 0 ? [] : [`From the class defaults of ${modelType}: ${values.join(", ")}.`];
}

function unknownNotes(unknown: readonly string[], path: string): readonly string[] {
  if (unknown.length === 0) return [];
  const prefix = path.slice(path.lastIndexOf(": ") + 2);
  const listed = unknown.slice(0, MOST_LISTED_FIELDS).map((name) => `${prefix}${shorten(name)}`);
  const rest = unknown.length - listed.length;
  return [`Not read: ${listed.join(", ")}${rest === 0 ? "" : ` and ${rest} more`}.`];
}

function shorten(text: string): string {
  return printable(text.length <= LONGEST_SHOWN_CHARACTERS ? text : `${text.slice(0, LONGEST_SHOWN_CHARACTERS - 1)}…`);
}

function fieldError(
  values: RawObject,
  schema: z.ZodObject,
  found: ReadonlyMap<string, Found | undefined>,
  unknown: readonly string[],
  path: string,
  error: z.ZodError,
): InvalidInputError {
  const [first, ...rest] = error.issues[0]?.path ?? [];
  const key = String(first ?? "");
  const value = rest.reduce<unknown>(
    (inner, step) => (inner as Record<PropertyKey, unknown> | undefined)?.[step],
    values[key],
  );
  const expected = describe(schema.shape[key]);
  const place = found.get(key);
  const steps = rest.map((step) => (typeof step === "number" ? `[${step}]` : `.${String(step)}`)).join("");
  const field = `${path}${place?.name ?? key}${steps}`;
  if (place !== undefined && values[key] === place.value) return new InvalidInputError({ field, value, expected });
  const nearest = new InvalidInputError({ field, value: key, expected, known: unknown }).suggestions;
  const hint = nearest.length === 0 ? "" : ` (the file has ${nearest.map((name) => JSON.stringify(name)).join(", ")})`;
  const source = value === undefined ? "" : " (left out, and the class default is none)";
  return new InvalidInputError({ field, value, expected: `${expected}${hint}${source}` });
}

/** What a field allows: its own description, or that of the type that it makes optional or nullable. */
function describe(type: z.core.$ZodType | undefined): string {
  const own = type instanceof z.ZodType ? type.description : undefined;
  if (own !== undefined) return own;
  if (type instanceof z.ZodOptional) return describe(type.unwrap());
  if (type instanceof z.ZodNullable) return `${describe(type.unwrap())}, or null`;
  return "another value";
}
