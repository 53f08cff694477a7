import { InvalidInputError } from "./errors.ts";
import { BINARY_PREFIXES, DECIMAL_PREFIXES, DURATION_UNITS } from "./prefixes.ts";

/** The most values that one list argument may stand for. */
const MOST_LIST_VALUES = 1000;

/** Turns one item of an argument into a number in base units, or throws an `InvalidInputError` that names `field`. */
export type ParseItem = (text: string, field: string) => number;

const QUANTITY = /^(\d{1,16})(?:\.(\d{1,9}))?\s*(\D*)$/;
const RANGE = /^(.+?)\.\.(.+?)(?:([+*])(.+))?$/;

const SET_NAME = /^[^\s.=]+(?:\.\d[^\s.=]*)*/u;
const SET_FIELD = /^\.([^\s\d.=][^\s=]*)\s*=\s*(.*)$/su;

const NAMED = /^([^\s=]+)\s*=\s*(.*)$/su;
const NUMBER = /^(\d+(\.\d*)?|\.\d+)(e[+-]?\d+)?$/i;

const TOKEN_UNITS = new Map([
  ["", 1],
  ["k", 1024],
  ["K", 1024],
  ["M", 1024 ** 2],
]);
const PREFIXES = new Map([...DECIMAL_PREFIXES, ["K", 1e3] as const, ...BINARY_PREFIXES]);
const COUNT_UNITS = new Map([...PREFIXES].filter(([, factor]) => factor <= 2 ** 40));
const SIZE_UNITS = new Map(
  [...COUNT_UNITS].flatMap(([prefix, factor]) => [
    [prefix, factor],
    [`${prefix}B`, factor],
  ]),
);
const PLAIN_UNITS = new Map([["", 1]]);
const TIME_UNITS = new Map([...DURATION_UNITS, ["us", 1e3], ["μs", 1e3], ["min", 60e9], ["h", 3600e9]]);
const RATE_UNITS = new Map(
  [...PREFIXES].flatMap(([prefix, factor]) => [
    [`${prefix}B/s`, factor],
    [`${prefix}bps`, factor / 8],
    [`${prefix}bit/s`, factor / 8],
  ]),
);

/**
 * A number of tokens, with k = 1024: `8k` is 8192.
 * @throws InvalidInputError unless it is a whole number from 1 to 2^53 - 1
 */
export function parseTokens(text: string, field: string): number {
  return parseQuantity(
    text,
    field,
    TOKEN_UNITS,
    'a whole number of tokens of at least 1, such as 8192 or "8k" (k = 1024)',
    "whole",
  );
}

/**
 * A count of anything but tokens, with k, M, G = 1000^n and Ki, Mi, Gi = 1024^n.
 * @throws InvalidInputError unless it is a whole number from 1 to 2^53 - 1
 */
export function parseCount(text: string, field: string): number {
  return parseQuantity(text, field, COUNT_UNITS, "a whole number of at least 1, such as 16 or 2k (k = 1000)", "whole");
}

/**
 * A count of what there may be none of, as `parseCount` takes them.
 * @throws InvalidInputError unless it is a whole number from 0 to 2^53 - 1
 */
export function parseCountOrNone(text: string, field: string): number {
  const expected = "a whole number of at least 0, such as 0, 16 or 2k (k = 1000)";
  return /^0+$/.test(text.trim()) ? 0 : parseQuantity(text, field, COUNT_UNITS, expected, "whole");
}

/** Threads that a run may start: above the cores of most machines, and what starting and ending them still bears. */
const MOST_THREADS = 256;

/**
 * A count of threads.
 * @throws InvalidInputError unless it is a whole number from 1 to 256
 */
export function parseThreads(text: string, field: string): number {
  const threads = parseCount(text, field);
  if (threads <= MOST_THREADS) return threads;
  throw new InvalidInputError({ field, value: text, expected: `a whole number from 1 to ${MOST_THREADS}` });
}

/**
 * A seed of a random generator, from 0 to 2^32 - 1, without prefixes.
 * @throws InvalidInputError
 */
export function parseSeed(text: string, field: string): number {
  const expected = "a whole number from 0 to 4294967295";
  if (/^0+$/.test(text.trim())) return 0;
  const seed = parseQuantity(text, field, PLAIN_UNITS, expected, "whole");
  if (seed >= 2 ** 32) throw new InvalidInputError({ field, value: text, expected });
  return seed;
}

/**
 * A size in bytes, with k, M, G, T = 1000^n, Ki, Mi, Gi, Ti = 1024^n and an optional B; part of a byte is dropped.
 * @throws InvalidInputError when it comes to less than a byte or more than 2^53 - 1
 */
export function parseSizeBytes(text: string, field: string): number {
  return parseQuantity(text, field, SIZE_UNITS, "a size of at least one byte, such as 64MiB or 1.5GB", "floored");
}

/**
 * A duration in nanoseconds; the unit (ns, us or µs, ms, s, min, h) must stand there.
 * @throws InvalidInputError
 */
export function parseDurationNs(text: string, field: string): number {
  return parseQuantity(
    text,
    field,
    TIME_UNITS,
    "a duration above 0 with its unit (ns, us, ms, s, min, h), such as 50ms",
    "any",
  );
}

/**
 * A rate in bytes per second, from bits (`400Gbps`, `400Gbit/s`) or bytes (`40GB/s`, `2GiB/s`); the unit must stand there.
 * @throws InvalidInputError
 */
export function parseRateBytesPerSecond(text: string, field: string): number {
  return parseQuantity(text, field, RATE_UNITS, "a rate above 0 with its unit, such as 400Gbps or 40GB/s", "any");
}

/**
 * A comma-separated list of items and ranges, in the order given: `8k,32k`, `1..4` (step 1), `1..16+5`, `64..4096*2`.
 * A range starts at its first value and ends at or before its last; at most 1000 values in all.
 * @throws InvalidInputError
 */
export function parseList(text: string, parseItem: ParseItem, field: string): readonly number[] {
  const values: number[] = [];
  for (const item of splitItems(text, field)) {
    const range = RANGE.exec(item);
    if (range === null) values.push(parseItem(item, field));
    else appendRange(values, range, parseItem, field);
    if (values.length > MOST_LIST_VALUES) throw tooMany(text, field);
  }
  return values;
}

/**
 * A comma-separated list of names, in the order given and with surrounding blanks dropped.
 * @throws InvalidInputError when an item is empty
 */
export function parseNames(text: string, field: string): readonly string[] {
  return splitItems(text, field);
}

/**
 * Values with names, `A=2ms,F=2ms`, each name at most once.
 * @throws InvalidInputError on a name that is not one of `names`, or comes twice, or has no value
 */
export function parseNamedValues<Name extends string>(
  text: string,
  names: readonly Name[],
  parseItem: ParseItem,
  field: string,
): Partial<Record<Name, number>> {
  const values: Partial<Record<Name, number>> = {};
  for (const item of splitItems(text, field)) {
    const [, given = "", value = ""] = NAMED.exec(item) ?? [];
    const name = names.find((one) => one === given);
    if (name === undefined || value === "") {
      const expected = `NAME=VALUE of ${names.join(", ")}`;
      const known = value === "" ? [] : names;
      throw new InvalidInputError({ field, value: value === "" ? item : given, expected, known });
    }
    if (values[name] !== undefined) throw new InvalidInputError({ field, value: name, expected: "each name once" });
    values[name] = parseItem(value, `${field} ${name}`);
  }
  return values;
}

/**
 * A number without a prefix, such as a factor or a share: `0.001` or `1e-3`.
 * @throws InvalidInputError unless it is from `least` to `most`
 */
export function parseNumber(text: string, field: string, [least, most]: readonly [number, number]): number {
  const value = NUMBER.test(text.trim()) ? Number(text) : Number.NaN;
  if (value >= least && value <= most) return value;
  throw new InvalidInputError({ field, value: text, expected: `a number from ${least} to ${most}` });
}

/** A setting of one field of a card: `step3.moe_top_k=4`. */
export interface Setting {
  /** Name of the card. */
  readonly name: string;
  /** The field, dotted where it lies in another one. */
  readonly path: string;
  /** What it is to hold, as text. */
  readonly value: string;
}

/**
 * A setting `NAME.FIELD=VALUE`. The name is the longest of those known that it begins with, case aside; of none, it ends at
 * the first dot that no digit follows, as in `glm-4.5-air.n_group=1`. The field begins with no digit and ends at the first `=`.
 * Whether there are such a name and field is not looked at.
 * @throws InvalidInputError when one of the three is missing or empty
 */
export function parseSetting(text: string, known: readonly string[]): Setting {
  const trimmed = text.trim();
  const name = longestName(trimmed, known) ?? SET_NAME.exec(trimmed)?.[0] ?? "";
  const [, path = "", value = ""] = SET_FIELD.exec(trimmed.slice(name.length)) ?? [];
  if (name === "" || path === "" || value === "" || path.split(".").includes("")) {
    const expected = "NAME.FIELD=VALUE, such as step3.moe_top_k=4";
    throw new InvalidInputError({ field: "--set", value: text, expected });
  }
  return { name, path, value };
}

/** The longest of the known names that the text begins with, as the text writes it, before a field. */
function longestName(text: string, known: readonly string[]): string | undefined {
  const [longest] = known
    .filter((name) => text.toLowerCase().startsWith(name.toLowerCase()) && SET_FIELD.test(text.slice(name.length)))
    .toSorted((one, other) => other.length - one.length);
  return longest === undefined ? undefined : text.slice(0, longest.length);
}

function splitItems(text: string, field: string): readonly string[] {
  const items = text.split(",").map((item) => item.trim());
  if (items.includes("")) {
    throw new InvalidInputError({
      field,
      value: text,
      expected: "items separated by single commas, none of them empty",
    });
  }
  return items;
}

function appendRange(values: number[], range: RegExpExecArray, parseItem: ParseItem, field: string): void {
  const [text, firstText = "", lastText = "", operator = "+", stepText = ""] = range;
  const first = parseItem(firstText.trim(), field);
  const last = parseItem(lastText.trim(), field);
  if (first > last) {
    throw new InvalidInputError({ field, value: text, expected: "a range whose first value is not above its last" });
  }
  const step = operator === "*" ? parseFactor(stepText.trim(), field) : parseStep(range[4], parseItem, field);
  for (let index = 0; ; index += 1) {
    const value = operator === "*" ? first * step ** index : first + step * index;
    if (value > last) return;
    values.push(value);
    if (values.length > MOST_LIST_VALUES) throw tooMany(text, field);
  }
}

function parseStep(given: string | undefined, parseItem: ParseItem, field: string): number {
  return given === undefined ? 1 : parseItem(given.trim(), field);
}

function parseFactor(text: string, field: string): number {
  const expected = "a range's factor of at least 2, such as 64..4096*2";
  const factor = parseQuantity(text, field, PLAIN_UNITS, expected, "whole");
  if (factor < 2) throw new InvalidInputError({ field, value: text, expected });
  return factor;
}

function tooMany(text: string, field: string): InvalidInputError {
  return new InvalidInputError({ field, value: text, expected: `a list of at most ${MOST_LIST_VALUES} values` });
}

function parseQuantity(
  text: string,
  field: string,
  units: ReadonlyMap<string, number>,
  expected: string,
  fraction: "whole" | "floored" | "any",
): number {
  const [, whole = "", decimals = "", unit = ""] = QUANTITY.exec(text.trim()) ?? [];
  const factor = whole === "" ? undefined : units.get(unit);
  if (factor === undefined) throw new InvalidInputError({ field, value: text, expected });
  // Digits times the factor first, the decimal point last: a whole result then comes out exactly whole.
  const digits = Number(whole + decimals);
  const exact = Number.isSafeInteger(digits) ? (digits * factor) / 10 ** decimals.length : Number.NaN;
  const value = fraction === "floored" ? Math.floor(exact) : exact;
  if (!(value > 0) || value > Number.MAX_SAFE_INTEGER || (fraction === "whole" && !Number.isInteger(value))) {
    throw new InvalidInputError({ field, value: text, expected });
  }
  return value;
}
