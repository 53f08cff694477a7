import { z } from "zod";
import { text } from "./quantity.ts";

/** What the numbers of a cell are in; base units. */
const PAPER_UNITS = [
  "byte",
  "byte/s",
  "count",
  "FLOP",
  "FLOP/byte",
  "FLOP/s",
  "fraction",
  "ns",
  "tokens",
  "tokens/s",
  "USD per million tokens",
  "USD/byte",
  "USD/FLOP",
  "USD/hour",
] as const;

/** What became of the comparison of a cell with its print. */
const VERDICTS = ["within", "explained", "exact", "off", "stale"] as const;

/** A cell of the report's tables and figures; a number is in the row's own `unit`. */
export const paperRowSchema = z.strictObject({
  kind: z.enum(["modeled", "published"]).meta({
    description: "modeled: computed here; published: an input of the report's that nothing is computed for.",
  }),
  table: text("Table, section or figure: table2, section6, figure4."),
  row: text("Row of the table."),
  column: text("Column of the table; with a group of columns before a comma."),
  unit: z.enum(PAPER_UNITS).meta({ description: "Unit of this row's published, computed, difference and tolerance." }),
  printed: text("The cell as the report prints it; absent where it prints no value.").optional(),
  printedBy: z
    .enum(["rounding", "truncation", "sum"])
    .meta({ description: "How the report came to the last printed digit; sum: of two rounded numbers." })
    .optional(),
  published: number("published", "The printed number; absent in figures without numbers.").optional(),
  computed: number("modeled", "The number that the model's configuration gives; absent for inputs.").optional(),
  difference: number("modeled", "computed - published.").optional(),
  tolerance: number(
    "published",
    "Largest difference that the printed digits allow: half of the last one; for a sum one; by truncation one, upwards. Of throughput that the report measured (Table 8): 5% of the print.",
  ).optional(),
  within: z
    .boolean()
    .meta({ description: "Whether the difference is within the tolerance; absent without a published number." })
    .optional(),
  verdict: z
    .enum(VERDICTS)
    .meta({
      description:
        "within; explained: off, as the list of explained deviations states; exact: off by the exact count alone (--exact); off; stale: the list states a deviation that is none.",
    })
    .optional(),
  explanation: text("Why the cell may differ, how it is computed, or where an input comes from.").optional(),
});

function number(kind: "modeled" | "published", description: string) {
  return z.number().meta({ description, unit: "as the row's `unit` says", kind });
}

export type PaperRow = z.infer<typeof paperRowSchema>;
export type PaperUnit = PaperRow["unit"];
export type PaperVerdict = (typeof VERDICTS)[number];
