import { InvalidInputError } from "../units/errors.ts";
import { type FileKind, readSmallText } from "../units/files.ts";

/** A line of a CSV file below its header. */
export interface CsvLine<Column extends string> {
  /**
   * The number in a column.
   * @throws InvalidInputError naming file, line and column unless it is a decimal number that fits
   */
  number(column: Column, expected: string, fits: (value: number) => boolean): number;
}

/** A CSV file with a header line. */
export interface CsvFile<Column extends string> {
  /** Columns that it has, of those that were asked for. */
  readonly columns: ReadonlySet<Column>;
  readonly lines: readonly CsvLine<Column>[];
}

/** Columns to look for, in any order; others are not looked at. */
export interface CsvColumns<Column extends string> {
  readonly required: readonly Column[];
  readonly optional?: readonly Column[];
}

/**
 * Reads a CSV file of numbers.
 * @throws InvalidInputError naming file and line where it is no CSV, has no line below the header, or lacks a column
 */
export async function readCsv<Column extends string>(
  path: string,
  kind: FileKind,
  { required, optional = [] }: CsvColumns<Column>,
): Promise<CsvFile<Column>> {
  const [header, ...lines] = await readLines(path, kind);
  if (header === undefined) throw wrong(path, undefined, `a header line with ${required.join(", ")}`);
  const names = header.cells.map((name) => name.trim());
  const places = new Map([...required, ...optional].map((column) => [column, names.indexOf(column)] as const));
  for (const column of required) {
    if ((places.get(column) ?? -1) >= 0) continue;
    throw wrong(`${path}: line ${header.number}`, names.join(","), `a column ${column}`);
  }
  if (lines.length === 0) throw wrong(path, undefined, "at least one line below the header");
  return {
    columns: new Set([...places].filter(([, place]) => place >= 0).map(([column]) => column)),
    lines: lines.map(({ cells, number: line }) => ({
      number(column, expected, fits) {
        const text = cells[places.get(column) ?? -1]?.trim();
        const value = text === undefined || !DECIMAL.test(text) ? Number.NaN : Number(text);
        if (fits(value)) return value;
        throw wrong(`${path}: line ${line}, column ${column}`, text === "" ? undefined : text, expected);
      },
    })),
  };
}

const DECIMAL = /^\d+(\.\d+)?(e[-+]?\d+)?$/i;

interface Line {
  readonly cells: readonly string[];
  readonly number: number;
}

async function readLines(path: string, kind: FileKind): Promise<readonly Line[]> {
  const text = readSmallText(path, kind);
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

function wrong(field: string, value: unknown, expected: string): InvalidInputError {
  return new InvalidInputError({ field, value, expected });
}
