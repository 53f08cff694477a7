import type { DecodeRequest } from "../simulate/arrivals.ts";
import { InvalidInputError } from "../units/errors.ts";
import { type FileKind, readSmallText } from "../units/files.ts";

const KIND: FileKind = {
  field: "--arrivals",
  expected: "a CSV file of requests",
  largestBytes: 256 * 2 ** 20,
};

/** Columns of a trace of requests, in any order; others are not looked at. */
const COLUMNS = ["arrivalSeconds", "promptTokens", "outputTokens"] as const;
type Column = (typeof COLUMNS)[number];

/**
 * Requests of a CSV file with a header line: `arrivalSeconds`, `promptTokens` and `outputTokens`, sorted by arrival.
 * @throws InvalidInputError naming file, line and column of the first cell that does not fit
 */
export async function readArrivals(path: string): Promise<readonly DecodeRequest[]> {
  const [header, ...lines] = await readLines(path);
  if (header === undefined) throw wrong(path, undefined, `a header line with ${COLUMNS.join(", ")}`);
  const places = placesOf(header, path);
  const requests = lines.map((line) => requestOf(line, places, path));
  if (requests.length === 0) throw wrong(path, undefined, "at least one line below the header");
  return requests.sort((one, other) => one.arrivalNs - other.arrivalNs);
}

interface Line {
  readonly cells: readonly string[];
  readonly number: number;
}

async function readLines(path: string): Promise<readonly Line[]> {
  const text = readSmallText(path, KIND);
  const { CsvError, parse } = await import("csv-parse/sync");
  try {
    const records = parse(text, { bom: true, info: true, relax_column_count: true, skip_empty_lines: false });
    return (records as unknown as { record: string[]; info: { lines: number } }[]).map(({ record, info }) => ({
      cells: record,
      number: info.lines,
    }));
  } catch (error) {
    if (!(error instanceof CsvError)) throw error;
    const line = "lines" in error ? `: line ${String(error.lines)}` : "";
    throw wrong(`${path}${line}`, error.code, "valid CSV");
  }
}

function placesOf({ cells, number }: Line, path: string): ReadonlyMap<Column, number> {
  const names = cells.map((name) => name.trim());
  return new Map(
    COLUMNS.map((column) => {
      const place = names.indexOf(column);
      if (place >= 0) return [column, place] as const;
      throw new InvalidInputError({
        field: `${path}: line ${number}`,
        value: names.join(","),
        expected: `a column ${column}`,
      });
    }),
  );
}

function requestOf({ cells, number }: Line, places: ReadonlyMap<Column, number>, path: string): DecodeRequest {
  const cell = (column: Column, expected: string, fits: (value: number) => boolean): number => {
    const text = cells[places.get(column) ?? -1]?.trim();
    const value = text === undefined || !DECIMAL.test(text) ? Number.NaN : Number(text);
    if (fits(value)) return value;
    throw wrong(`${path}: line ${number}, column ${column}`, text === "" ? undefined : text, expected);
  };
  const isCount = (value: number) => Number.isInteger(value) && value >= 1 && value <= MOST_TOKENS;
  const count = `a whole number from 1 to ${MOST_TOKENS}`;
  return {
    arrivalNs:
      cell(
        "arrivalSeconds",
        `a number of seconds from 0 to ${LATEST_SECONDS}`,
        (value) => value >= 0 && value <= LATEST_SECONDS,
      ) * 1e9,
    promptTokens: cell("promptTokens", count, isCount),
    outputTokens: cell("outputTokens", count, isCount),
  };
}

const DECIMAL = /^\d+(\.\d+)?(e[-+]?\d+)?$/i;
const MOST_TOKENS = 100_000_000;
/** Picoseconds are exact for 2.5 hours. */
const LATEST_SECONDS = 9000;

function wrong(field: string, value: unknown, expected: string): InvalidInputError {
  return new InvalidInputError({ field, value, expected });
}
