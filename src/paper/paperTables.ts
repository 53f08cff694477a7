import type { PaperTable } from "./cell.ts";
import { figure1 } from "./tables/figure1.ts";
import { figure2 } from "./tables/figure2.ts";
import { figure3 } from "./tables/figure3.ts";
import { figure4 } from "./tables/figure4.ts";
import { figure5 } from "./tables/figure5.ts";
import { section3 } from "./tables/section3.ts";
import { section5 } from "./tables/section5.ts";
import { section6 } from "./tables/section6.ts";
import { table1 } from "./tables/table1.ts";
import { table4 } from "./tables/table4.ts";
import { table5 } from "./tables/table5.ts";
import { table6 } from "./tables/table6.ts";
import { table7 } from "./tables/table7.ts";
import { table8 } from "./tables/table8.ts";
import { tokenWorkTable } from "./tables/tokenWork.ts";

/** Every table, section and figure of the report that is recomputed, in the order in which it is printed. */
export const PAPER_TABLES = {
  table1,
  table2: tokenWorkTable("8K"),
  table3: tokenWorkTable("32K"),
  table4,
  table5,
  table6,
  table7,
  table8,
  section3,
  section5,
  section6,
  figure1,
  figure2,
  figure3,
  figure4,
  figure5,
} as const satisfies Readonly<Record<string, PaperTable>>;

export type PaperTableName = keyof typeof PAPER_TABLES;

/** Their names, as the command line takes them. */
export const PAPER_TABLE_NAMES = Object.keys(PAPER_TABLES) as readonly PaperTableName[];
