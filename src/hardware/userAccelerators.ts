import { z } from "zod";
import { InvalidInputError } from "../units/errors.ts";
import { type Accelerator, FIGURE_NAMES, type FigureName } from "./accelerator.ts";
import { allowed, figureValue, isCount, LEAST, MOST } from "./figures.ts";
import { type SourcedFigure, sourced } from "./sourced.ts";

/** Names that `--hardware` can tell from files and lists. */
const NAME = /^(?!.*\.(ya?ml|json)$)[a-z0-9_-]+(\.[a-z0-9_-]+)*$/i;
const MOST_NAME_CHARACTERS = 64;
const NAME_ALLOWED = `a name of at most ${MOST_NAME_CHARACTERS} letters, digits, - and _, with dots only between them, that is not "all" and does not end as a file's`;
const MOST_SOURCE_CHARACTERS = 1000;

const accelerator = z
  .strictObject({
    name: z
      .string()
      .max(MOST_NAME_CHARACTERS)
      .regex(NAME)
      .refine((name) => name.toLowerCase() !== "all")
      .describe(NAME_ALLOWED),
    usdPerHour: figure("usdPerHour", "Rent of one card, USD an hour.").optional(),
    peakFp4FlopsPerSecond: figure("peakFp4FlopsPerSecond", "Peak dense FP4 rate, FLOP/s.").optional(),
    peakFp8FlopsPerSecond: figure("peakFp8FlopsPerSecond", "Peak dense FP8 rate, FLOP/s.").optional(),
    peakInt8FlopsPerSecond: figure("peakInt8FlopsPerSecond", "Peak dense INT8 rate, operations a second.").optional(),
    peakBf16FlopsPerSecond: figure("peakBf16FlopsPerSecond", "Peak dense BF16 rate, FLOP/s."),
    memoryBytesPerSecond: figure("memoryBytesPerSecond", "Bandwidth of its memory, bytes a second."),
    memoryBytes: figure("memoryBytes", "Its memory, bytes.").optional(),
    l2Bytes: figure("l2Bytes", "The last cache before memory, which all cores share, bytes.").optional(),
    cores: figure("cores", "Streaming multiprocessors, AI cores or compute units in use.").optional(),
    networkBytesPerSecond: figure(
      "networkBytesPerSecond",
      "All NICs of a server of `cardsPerServer` cards together, one direction, bytes a second.",
    ).optional(),
    cardsPerServer: figure("cardsPerServer", "Cards of that server.").optional(),
    source: z
      .string()
      .min(1)
      .max(MOST_SOURCE_CHARACTERS)
      .describe("Where the figures come from; the file's path where it is left out.")
      .optional(),
  })
  .describe("One accelerator card.");

const KEYS = Object.keys(accelerator.shape);

/** JSON Schema (draft 2020-12) of a file of accelerators. */
export function acceleratorJsonSchema(): Record<string, unknown> {
  const file = z.union([accelerator, z.array(accelerator).min(1)]);
  return { title: "afdbench accelerator", ...z.toJSONSchema(file) };
}

/**
 * The accelerators that a value read from a file holds: one, or a list of them.
 * @param path how errors name the file
 * @throws InvalidInputError naming the file, the key, its value and what is allowed
 */
export function checkAccelerators(raw: unknown, path: string): readonly Accelerator[] {
  const items: readonly unknown[] = Array.isArray(raw) ? raw : [raw];
  if (items.length === 0) {
    throw new InvalidInputError({ field: path, value: raw, expected: "an accelerator, or a list of at least one" });
  }
  const checked = items.map((item, index) => checkAccelerator(item, path, Array.isArray(raw) ? `[${index}]` : ""));
  for (const [index, { name }] of checked.entries()) {
    if (checked.findIndex((other) => other.name === name) === index) continue;
    const field = `${path}: [${index}].name`;
    throw new InvalidInputError({ field, value: name, expected: "a name that no other accelerator of the file has" });
  }
  return checked;
}

function checkAccelerator(raw: unknown, path: string, place: string): Accelerator {
  if (typeof raw !== "object" || raw === null || Array.isArray(raw)) {
    const field = place === "" ? path : `${path}: ${place}`;
    throw new InvalidInputError({ field, value: raw, expected: `an accelerator: an object of ${KEYS.join(", ")}` });
  }
  const prefix = `${path}: ${place === "" ? "" : `${place}.`}`;
  const parsed = accelerator.safeParse(raw);
  if (!parsed.success) throw keyError(raw, prefix, parsed.error);
  const { name, source = path, ...figures } = parsed.data;
  const value = (key: FigureName): SourcedFigure => [figureValue(key, figures[key], `${prefix}${key}`)];
  const given = FIGURE_NAMES.filter((key) => figures[key] !== undefined).map((key) => [key, value(key)] as const);
  return sourced(name.toLowerCase(), source, {
    ...Object.fromEntries(given),
    peakBf16FlopsPerSecond: value("peakBf16FlopsPerSecond"),
    memoryBytesPerSecond: value("memoryBytesPerSecond"),
  });
}

function figure(name: FigureName, description: string) {
  const number = z.number().min(LEAST[name]).max(MOST[name]);
  return z.union([isCount(name) ? number.int() : number, z.string()]).describe(description);
}

function keyError(raw: object, prefix: string, { issues }: z.ZodError): InvalidInputError {
  const unknown = issues.flatMap((issue) => (issue.code === "unrecognized_keys" ? issue.keys : []));
  const [key = ""] = issues.flatMap(({ path }) => path.slice(0, 1).map(String));
  const known = KEYS.filter((name) => !Object.hasOwn(raw, name));
  const [unknownKey] = unknown;
  // An unknown key first: where one is missing too, it is likely the misspelled one.
  if (unknownKey !== undefined) {
    const expected = `only ${KEYS.join(", ")}`;
    return new InvalidInputError({ field: `${prefix}key`, value: unknownKey, expected, known });
  }
  const value = Object.hasOwn(raw, key) ? (raw as Readonly<Record<string, unknown>>)[key] : undefined;
  return new InvalidInputError({ field: `${prefix}${key}`, value, expected: expectedOf(key) });
}

function expectedOf(key: string): string {
  if (key === "name") return NAME_ALLOWED;
  const figureName = FIGURE_NAMES.find((name) => name === key);
  return figureName === undefined ? `a text of 1 to ${MOST_SOURCE_CHARACTERS} characters` : allowed(figureName);
}
