import type { ExpertPopularity } from "../simulate/expertLoad.ts";
import { InvalidInputError } from "../units/errors.ts";
import { type FileKind, parseJsonText, readSmallText } from "../units/files.ts";
import { readCsv } from "./csvFile.ts";

const KIND: FileKind = {
  field: "--expert-load",
  expected: "a CSV or JSON file of tokens per expert",
  largestBytes: 64 * 2 ** 20,
};

/** Far above the experts and layers of any model. */
const MOST = 100_000;

/**
 * Tokens that each expert got, as recorded: of one layer, or of every layer with experts.
 *
 * CSV with the columns `expert` and `tokens`, and `layer` where there are several; JSON with an array of tokens by expert, or
 * an array of such arrays. Experts are numbered from 0, and none may be missing.
 * @throws InvalidInputError naming file, place and what does not fit
 */
export async function readExpertLoad(path: string): Promise<ExpertPopularity> {
  const layers = path.toLowerCase().endsWith(".json") ? jsonLayers(path) : await csvLayers(path);
  const [first] = layers;
  if (first === undefined) throw wrong(path, layers, "at least one layer");
  for (const [index, tokens] of layers.entries()) {
    const layer = layers.length === 1 ? path : `${path}: layer ${index + 1} of ${layers.length}`;
    if (tokens.length !== first.length) throw wrong(layer, `${tokens.length} experts`, `${first.length}, as the first`);
    if (!tokens.some((count) => count > 0)) throw wrong(layer, 0, "tokens of at least one expert");
  }
  return layers.length === 1 ? { kind: "anyLayer", weights: first } : { kind: "byLayer", weights: layers };
}

async function csvLayers(path: string): Promise<readonly (readonly number[])[]> {
  const { columns, lines } = await readCsv(path, KIND, { required: ["expert", "tokens"], optional: ["layer"] });
  const isIndex = (value: number) => Number.isInteger(value) && value >= 0 && value < MOST;
  const byLayer = new Map<number, Map<number, number>>();
  for (const line of lines) {
    const index = `a whole number from 0 to ${MOST - 1}`;
    const layer = columns.has("layer") ? line.number("layer", index, isIndex) : 0;
    const tokens = byLayer.get(layer) ?? new Map<number, number>();
    byLayer.set(layer, tokens);
    const isNew = (value: number) => isIndex(value) && !tokens.has(value);
    const expert = line.number("expert", `${index}, each once in a layer`, isNew);
    tokens.set(expert, line.number("tokens", TOKENS, isTokens));
  }
  return [...byLayer]
    .toSorted(([one], [other]) => one - other)
    .map(([layer, tokens]) =>
      Array.from({ length: tokens.size }, (_, expert) => {
        const count = tokens.get(expert);
        if (count !== undefined) return count;
        throw wrong(columns.has("layer") ? `${path}: layer ${layer}` : path, undefined, `a line of expert ${expert}`);
      }),
    );
}

function jsonLayers(path: string): readonly (readonly number[])[] {
  const value = parseJsonText(readSmallText(path, KIND), path, KIND);
  const expected = "an array of tokens by expert, or an array of such arrays";
  if (!Array.isArray(value) || value.length === 0) throw wrong(path, value, expected);
  const layers: readonly unknown[] = value.every((one) => typeof one === "number") ? [value] : value;
  return layers.map((layer, index) => {
    const place = layers.length === 1 ? path : `${path}: [${index}]`;
    if (!Array.isArray(layer) || layer.length === 0 || layer.length > MOST) throw wrong(place, layer, expected);
    return layer.map((tokens: unknown, expert) => {
      if (typeof tokens === "number" && isTokens(tokens)) return tokens;
      throw wrong(`${place}[${expert}]`, tokens, TOKENS);
    });
  });
}

const TOKENS = "a number of tokens from 0 to 1e15";

function isTokens(value: number): boolean {
  return value >= 0 && value <= 1e15;
}

function wrong(field: string, value: unknown, expected: string): InvalidInputError {
  return new InvalidInputError({ field, value, expected });
}
