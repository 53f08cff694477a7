import type { PaperRow } from "../record/paperRows.ts";
import type { PaperDocument } from "../record/schemas.ts";
import { formatBandwidth, formatDuration, formatNumber, formatRate } from "../units/format.ts";
import { ABSENT, type Block, type Cell, type Column } from "./block.ts";

const TITLES: Readonly<Record<string, string>> = {
  table1: "Table 1: model card of Step-3",
  table2: "Table 2: a decoded token at 8K",
  table3: "Table 3: a decoded token at 32K",
  table4: "Table 4: accelerators",
  table5: "Table 5: unit costs in USD",
  table6: "Table 6: USD per million tokens",
  table7: "Table 7 and section 5.4: least MoE sparsity",
  table8: "Table 8: decode throughput in tokens/s per GPU, by stage times from theory (5% allowed)",
  section3: "Section 3: stages of the TPOT",
  section5: "Section 5: attention designs",
  section6: "Section 6: Step-3 on weaker cards",
  figure1: "Figure 1: activated parameters against the best AFD cost, USD per million tokens, and Pareto fronts",
  figure2: "Figure 2: USD per million tokens of deployments",
  figure3: "Figure 3: hybrid attention on H800, KV in bytes and USD per million tokens",
  figure4: "Figure 4: USD per million tokens on 910B",
  figure5: "Figure 5: attention FLOPs against KV bytes of a decoded token, and accelerators' ridge points in FLOP/byte",
};

/** What stands below a table, each sentence once, numbered in the order of its first use. */
interface Footnotes {
  numberOf(text: string): number;
  lines(): readonly string[];
}

const TRUNCATED = "The report drops the digits behind the last one printed.";

/**
 * The report's tables in its own layout, a cell being published / computed; figures without printed values show what is
 * computed. Groups of columns ("attention 8K, H800") become a table each.
 */
export function paperBlocks({ rows, notes }: PaperDocument): Block[] {
  const blocks = distinct(rows.map(({ table }) => table)).flatMap((table) => {
    const own = rows.filter((row) => row.table === table);
    const title = TITLES[table] ?? table;
    return distinct(own.map(({ column }) => groupOf(column))).map((group) =>
      gridBlock(
        group === "" ? title : `${title}, ${group}`,
        own.filter((row) => groupOf(row.column) === group),
      ),
    );
  });
  return [...blocks, { columns: [], rows: [], lines: notes }];
}

function gridBlock(title: string, cells: readonly PaperRow[]): Block {
  const footnotes = startFootnotes();
  const names = distinct(cells.map(({ column }) => column));
  const labels = distinct(cells.map(({ row }) => row));
  const grid = labels.map((label) => [
    label,
    ...names.map((name): Cell => {
      const found = cells.find(({ row, column }) => row === label && column === name);
      return found === undefined ? ABSENT : cellOf(found, footnotes);
    }),
  ]);
  const compared = cells.some(({ printed }) => printed !== undefined);
  const corner: Column = { header: compared ? "published / computed" : "computed", align: "left" };
  const columns = [corner, ...names.map((name): Column => ({ header: nameInGroup(name), align: "right" }))];
  // A table of one row, or with a column for each of its cells, is read downwards.
  const downwards = names.length > MOST_COLUMNS || labels.length === 1 || cells.length === names.length;
  if (downwards) return { title, ...listOf(cells, corner, footnotes), lines: footnotes.lines() };
  return { title, columns, rows: grid, lines: footnotes.lines() };
}

const MOST_COLUMNS = 8;

function listOf(
  cells: readonly PaperRow[],
  corner: Column,
  footnotes: Footnotes,
): { readonly columns: readonly Column[]; readonly rows: readonly (readonly Cell[])[] } {
  return {
    columns: [
      { header: "", align: "left" },
      { header: "", align: "left" },
      { ...corner, align: "right" },
    ],
    rows: cells.map((cell) => [cell.row, cell.column, cellOf(cell, footnotes)]),
  };
}

function cellOf(row: PaperRow, footnotes: Footnotes): Cell {
  const { printed, printedBy, computed, published, verdict, explanation, within } = row;
  if (printed === undefined || computed === undefined || published === undefined) return plainText(row);
  const extraDigits = printedBy === "truncation" ? 1 : 0;
  const text = inUnitOf(printed, published);
  const both = `${printed} / ${text(computed, extraDigits)}`;
  const truncation = printedBy === "truncation" && within === true ? [TRUNCATED] : [];
  const remarks = [...truncation, ...(explanation === undefined ? [] : [explanation])];
  const marked = [both, ...remarks.map((remark) => `(${footnotes.numberOf(remark)})`)].join(" ");
  switch (verdict) {
    case "off":
      return { text: `${marked} off by ${text(computed - published, 1)}`, tone: "bad" };
    case "stale":
      return { text: `${marked} stale`, tone: "bad" };
    default:
      return marked;
  }
}

/** Writes numbers with the digits and the unit of a printed one: "2.91e8" as "2.88e8", "236 MB" as "235 MB". */
function inUnitOf(printed: string, published: number): (value: number, extraDigits: number) => string {
  const [, mantissa = "", decimals = "", rest = ""] = /^(\d+(?:\.(\d+))?)(.*)$/.exec(printed) ?? [];
  const scale = published / Number(mantissa);
  return (value, extraDigits) => `${(value / scale).toFixed(decimals.length + extraDigits)}${rest}`;
}

/** A point of a figure, or an input. */
function plainText({ unit, computed, published }: PaperRow): string {
  const value = computed ?? published;
  if (value === undefined) return ABSENT;
  switch (unit) {
    case "ns":
      return formatDuration(value);
    case "FLOP/s":
      return formatRate(value);
    case "byte/s":
      return formatBandwidth(value);
    case "byte":
    case "FLOP":
      return value.toExponential(2).replace("e+", "e");
    case "USD per million tokens":
      return value.toFixed(3);
    case "USD/hour":
      return `${value.toFixed(2)} USD/h`;
    case "count":
      return value >= 1e9 ? `${formatNumber(value / 1e9)} billion` : formatNumber(value);
    default:
      return formatNumber(value);
  }
}

function startFootnotes(): Footnotes {
  const texts: string[] = [];
  return {
    numberOf(text) {
      if (!texts.includes(text)) texts.push(text);
      return texts.indexOf(text) + 1;
    },
    lines: () => texts.map((text, index) => `(${index + 1}) ${text}`),
  };
}

function groupOf(column: string): string {
  return column.includes(", ") ? (column.split(", ")[0] ?? "") : "";
}

function nameInGroup(column: string): string {
  return column.includes(", ") ? column.slice(column.indexOf(", ") + 2) : column;
}

function distinct(names: readonly string[]): readonly string[] {
  return [...new Set(names)];
}
