import { cellTolerance } from "../paper/cell.ts";
import { catalogInputs, type PaperInputs } from "../paper/inputs.ts";
import { type JudgedCell, judgedCells } from "../paper/judge.ts";
import { PAPER_TABLE_NAMES, type PaperTableName } from "../paper/paperTables.ts";
import { DOCUMENT_SCHEMA } from "../record/document.ts";
import type { PaperRow } from "../record/paperRows.ts";
import type { PaperDocument } from "../record/schemas.ts";
import { InvalidInputError } from "../units/errors.ts";
import type { FlopConvention } from "../workload/per-token.ts";
import { recordEnvironment } from "./environment.ts";

/** What of the report to recompute. */
export interface PaperSettings {
  /** Tables, sections and figures; none, or `all` among them: every one. */
  readonly names: readonly string[];
  readonly convention: FlopConvention;
}

/** The cells, and whether one of them is off without an explanation or explained without need. */
export interface PaperOutcome {
  readonly document: PaperDocument;
  readonly failed: boolean;
}

/**
 * The Step-3 report's tables, section figures and drawings, each cell computed from the model configurations and set
 * beside its print.
 * @throws InvalidInputError on a name that is none of them
 */
export function paper({ names, convention }: PaperSettings, inputs: PaperInputs = catalogInputs()): PaperOutcome {
  const rows = chosenTables(names).flatMap((table) =>
    judgedCells(table, { inputs, convention }).map((cell) => rowOf(table, cell)),
  );
  const document: PaperDocument = {
    schema: DOCUMENT_SCHEMA,
    command: "paper",
    environment: recordEnvironment(),
    rows,
    notes: [
      "Published: Step-3 report (arXiv 2507.19427v1). Computed: from the models' configurations and the accelerators' figures.",
      countNote(rows),
    ],
  };
  return { document, failed: rows.some(({ verdict }) => verdict === "off" || verdict === "stale") };
}

function chosenTables(names: readonly string[]): readonly PaperTableName[] {
  if (names.length === 0) return PAPER_TABLE_NAMES;
  const chosen = names.map((name) => (name === "all" ? name : tableNamed(name)));
  return chosen.includes("all") ? PAPER_TABLE_NAMES : PAPER_TABLE_NAMES.filter((name) => chosen.includes(name));
}

function tableNamed(name: string): PaperTableName {
  const found = PAPER_TABLE_NAMES.find((known) => known === name);
  if (found !== undefined) return found;
  const known = [...PAPER_TABLE_NAMES, "all"];
  throw new InvalidInputError({ field: "name", value: name, expected: `one of ${known.join(", ")}`, known });
}

function rowOf(table: PaperTableName, cell: JudgedCell): PaperRow {
  const { row, column, unit } = cell;
  const place = { table, row, column, unit };
  switch (cell.kind) {
    case "input":
      return { kind: "published", ...place, published: cell.published, explanation: cell.source };
    case "drawn":
      return { kind: "modeled", ...place, computed: cell.computed };
    case "compared": {
      const { printed, computed, within, verdict, explanation } = cell;
      return {
        kind: "modeled",
        ...place,
        printed: printed.text,
        printedBy: printed.by,
        published: printed.value,
        computed,
        difference: computed - printed.value,
        tolerance: cellTolerance(cell),
        within,
        verdict,
        ...(explanation === undefined ? {} : { explanation }),
      };
    }
  }
}

function countNote(rows: readonly PaperRow[]): string {
  const counted = (verdict: PaperRow["verdict"]) => rows.filter((row) => row.verdict === verdict).length;
  const others = [
    [counted("explained"), "off as explained"],
    [counted("exact"), "off by the exact count alone"],
    [counted("off"), "off"],
    [counted("stale"), "explained without need"],
  ] as const;
  const judged = rows.filter(({ verdict }) => verdict !== undefined).length;
  if (judged === 0) return "The report prints no values here: these are the points of its drawings.";
  const measured = rows.some(({ table }) => table === "table8") ? " (Table 8: 5%)" : "";
  const texts = others.filter(([count]) => count > 0).map(([count, text]) => `, ${count} ${text}`);
  return `${judged} printed cells: ${counted("within")} within what their digits${measured} allow${texts.join("")}.`;
}
