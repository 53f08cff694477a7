import type { CodesignRow } from "../record/codesignRows.ts";
import type { CostRow } from "../record/costRows.ts";
import type { CodesignDocument, CostDocument } from "../record/schemas.ts";
import { formatBytes, formatDuration, formatNumber } from "../units/format.ts";
import { ABSENT, type Block, blockOf, type ColumnOf } from "./block.ts";

const COST_COLUMNS: readonly ColumnOf<CostRow>[] = [
  { header: "model", align: "left", cell: (row) => row.model },
  { header: "context", align: "right", cell: (row) => String(row.contextTokens) },
  { header: "attention on", align: "left", cell: (row) => row.attentionOn },
  { header: "FFN on", align: "left", cell: (row) => row.ffnOn },
  { header: "attention", align: "right", cell: (row) => usd(row.attentionUsdPerMillionTokens) },
  { header: "FFN", align: "right", cell: (row) => usd(row.ffnUsdPerMillionTokens) },
  { header: "both", align: "right", cell: (row) => usd(row.usdPerMillionTokens) },
  {
    header: "attention bound",
    align: "left",
    cell: (row) =>
      `${row.attentionBound} (${formatNumber(row.attentionFlopsPerByte)} of ${formatNumber(row.ridgeFlopsPerByte)} FLOP/B)`,
  },
  { header: "", align: "left", cell: (row) => (row.pairing === "best" ? "best pairing" : "") },
];

/** Costs, a row for each accelerator and one for the best pairing. */
export function costBlocks({ rows, notes }: CostDocument): Block[] {
  return [blockOf("USD per million tokens (modeled)", COST_COLUMNS, rows, notes)];
}

const FINDING_COLUMNS: readonly ColumnOf<CodesignRow>[] = [
  { header: "accelerator", align: "left", cell: (row) => row.accelerator ?? "any" },
  { header: "quantity", align: "left", cell: quantityText },
  { header: "value", align: "right", cell: valueText },
  { header: "bound", align: "left", cell: (row) => row.bound ?? "" },
  { header: "verdict", align: "left", cell: (row) => row.verdict ?? "" },
];

/** Findings of the co-design reasoning. */
export function codesignBlocks({ rows, notes }: CodesignDocument): Block[] {
  const [first] = rows;
  const title = first === undefined ? "Findings" : `${first.model} at a context of ${first.contextTokens} (modeled)`;
  return [blockOf(title, FINDING_COLUMNS, rows, notes)];
}

/** Three decimals, as the report prints them; more where these would be zeros. */
function usd(value: number): string {
  return value >= 0.01 ? value.toFixed(3) : formatNumber(value, 2);
}

function quantityText({ quantity, kvBits, draftTokens }: CodesignRow): string {
  const whatIf = [
    ...(kvBits === undefined ? [] : [`KV of ${kvBits} bits`]),
    ...(draftTokens === undefined ? [] : [`MTP of ${draftTokens}`]),
  ];
  return whatIf.length === 0 ? quantity : `${quantity}, ${whatIf.join(" and ")}`;
}

function valueText({ value, unit }: CodesignRow): string {
  if (value === undefined) return ABSENT;
  switch (unit) {
    case "ns":
      return formatDuration(value);
    case "byte":
      return formatBytes(value);
    case "fraction":
      return formatNumber(value, 2);
    case "FLOP/byte":
      return `${formatNumber(value)} FLOP/B`;
    case "count":
      return String(value);
    default:
      return `${Math.round(value)} ${unit}`;
  }
}
