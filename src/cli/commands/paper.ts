import type { Command } from "commander";
import { addOutputOptions, emit, type OutputOptions, resolveOutput } from "../output.ts";
import type { CommandContext } from "../terminal.ts";

interface PaperOptions extends OutputOptions {
  exact?: boolean;
}

const HELP = `
Names: table1 to table7, section3, section5, section6, figure1 to figure5, all.
A cell stands as published / computed. The command exits with 1 where one is off by more than the
rounding of the printed digits and no explained deviation names it.

Examples:
  $ afdbench paper                     everything
  $ afdbench paper table2 table6       two tables
  $ afdbench paper section5 --exact    where the report's count is not exact
  $ afdbench paper all -o csv
`;

/** `afdbench paper`: the Step-3 report's tables and figures recomputed. */
export function addPaper(program: Command, context: CommandContext): void {
  const command = program
    .command("paper")
    .description("recompute the Step-3 report's tables and figures, and compare")
    .argument("[name...]", "tables, sections and figures (default: all)")
    .option("--exact", "count MLA's value product and lightning states exactly, not as the report does");
  addOutputOptions(command)
    .addHelpText("after", HELP)
    .action(async (names: string[], options: PaperOptions) => {
      const output = await resolveOutput(options, "paper");
      const { paper } = await import("../../runs/paper.ts");
      const { document, failed } = paper({ names, convention: options.exact === true ? "exact" : "report" });
      await emit(document, output, options, context.terminal);
      context.exitCode = failed ? 1 : 0;
    });
}
