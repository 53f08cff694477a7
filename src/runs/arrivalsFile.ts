import type { DecodeRequest } from "../simulate/arrivals.ts";
import type { FileKind } from "../units/files.ts";
import { type CsvLine, readCsv } from "./csvFile.ts";

const KIND: FileKind = {
  field: "--arrivals",
  expected: "a CSV file of requests",
  largestBytes: 256 * 2 ** 20,
};

/** Columns of a trace of requests. */
const COLUMNS = ["arrivalSeconds", "promptTokens", "outputTokens"] as const;

/**
 * Requests of a CSV file with a header line: `arrivalSeconds`, `promptTokens` and `outputTokens`, sorted by arrival.
 * @throws InvalidInputError naming file, line and column of the first cell that does not fit
 */
export async function readArrivals(path: string): Promise<readonly DecodeRequest[]> {
  const { lines } = await readCsv(path, KIND, { required: COLUMNS });
  return lines.map(requestOf).sort((one, other) => one.arrivalNs - other.arrivalNs);
}

const MOST_TOKENS = 100_000_000;
/** Picoseconds are exact for 2.5 hours. */
const LATEST_SECONDS = 9000;

function requestOf(line: CsvLine<(typeof COLUMNS)[number]>): DecodeRequest {
  const isTime = (value: number) => value >= 0 && value <= LATEST_SECONDS;
  const isCount = (value: number) => Number.isInteger(value) && value >= 1 && value <= MOST_TOKENS;
  const count = `a whole number from 1 to ${MOST_TOKENS}`;
  return {
    arrivalNs: line.number("arrivalSeconds", `a number of seconds from 0 to ${LATEST_SECONDS}`, isTime) * 1e9,
    promptTokens: line.number("promptTokens", count, isCount),
    outputTokens: line.number("outputTokens", count, isCount),
  };
}
