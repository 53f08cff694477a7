import type { Command } from "commander";
import { PAPER_FIGURES, type PaperFigureName } from "../../report/figures/paperFigures.ts";
import { InvalidInputError } from "../../units/errors.ts";
import { addOutputOptions, addSvgOption, emit, type OutputOptions, resolveOutput, saveFigure } from "../output.ts";
import type { CommandContext } from "../terminal.ts";

interface PaperOptions extends OutputOptions {
  exact?: boolean;
}

const HELP = `
Names: table1 to table8, section3, section5, section6, figure1 to figure5, all.
A cell stands as published / computed. The command exits with 1 where one is off by more than the
rounding of the printed digits (measured throughput, table8: by more than 5%) and no explained
deviation names it.

Examples:
  $ afdbench paper                     everything
  $ afdbench paper table2 table6       two tables
  $ afdbench paper section5 --exact    where the report's count is not exact
  $ afdbench paper all -o csv
  $ afdbench paper figure5 --svg figure5.svg
`;

/** `afdbench paper`: the Step-3 report's tables and figures recomputed. */
export function addPaper(program: Command, context: CommandContext): void {
  const command = program
    .command("paper")
    .description("recompute the Step-3 report's tables and figures, and compare")
    .argument("[name...]", "tables, sections and figures (default: all)")
    .option("--exact", "count MLA's value product and lightning states exactly, not as the report does");
  addOutputOptions(addSvgOption(command, "one figure"))
    .addHelpText("after", HELP)
    .action(async (names: string[], options: PaperOptions) => {
      const figure = options.svg === undefined ? undefined : drawnFigure(names);
      const output = await resolveOutput(options, "paper");
      const { paper } = await import("../../runs/paper.ts");
      const { document, failed } = paper({ names, convention: options.exact === true ? "exact" : "report" });
      await emit(document, output, options, context.terminal);
      context.exitCode = failed ? 1 : 0;
      if (options.svg === undefined || figure === undefined) return;
      const { paperFigure } = await import("../../report/figures/paperFigures.ts");
      await saveFigure(options.svg, paperFigure(figure, document));
    });
}

/** The one figure that --svg is to draw. */
function drawnFigure(names: readonly string[]): PaperFigureName {
  const [name, ...others] = names;
  const found = others.length === 0 ? PAPER_FIGURES.find((figure) => figure === name) : undefined;
  if (found !== undefined) return found;
  const value = names.length === 0 ? undefined : names.join(" ");
  throw new InvalidInputError({
    field: "name with --svg",
    value,
    expected: `one of ${PAPER_FIGURES.join(", ")}, alone`,
    known: PAPER_FIGURES,
  });
}
