import type { Command } from "commander";
import { InvalidInputError } from "../../units/errors.ts";
import { addOutputOptions, addSvgOption, emit, type OutputOptions, resolveOutput, saveFigure } from "../output.ts";
import { startProgress } from "../progress.ts";
import type { CommandContext } from "../terminal.ts";

interface ValidateOptions extends OutputOptions {
  data?: string;
}

const HELP = `
Rows that ship are projected with constants that were fitted without their fold, others with those
that ship. docs/projection.md has the format of a file.

Examples:
  $ afdbench validate                                  the measurements that ship
  $ afdbench validate --data my-kernels.json           your own
  $ afdbench validate -o csv --rows measurement        every row
  $ afdbench validate --svg errors.svg                 measured against projected
`;

/** `afdbench validate`: projections against published kernel times. */
export function addValidate(program: Command, { terminal }: CommandContext): void {
  const command = program
    .command("validate")
    .description("compare projections with kernel times that others measured")
    .option("--data <path>", "a file of measurements, or a folder of them (default: those that ship)");
  addOutputOptions(addSvgOption(command, "measured against projected times"))
    .addHelpText("after", HELP)
    .action(async (options: ValidateOptions) => {
      const output = await resolveOutput(options, "validate");
      const { validate } = await import("../../runs/validate.ts");
      // Judging holds this thread to its end: Ctrl-C ends the process at once.
      const progress = startProgress(terminal, options);
      const document = await validate({
        ...(options.data === undefined ? {} : { dataPath: options.data }),
        onProgress: (event) => progress.show(event),
      }).finally(() => progress.clear());
      await emit(document, output, options, terminal);
      if (options.svg === undefined) return;
      if (document.rows.every((row) => row.row !== "measurement" || row.status !== "ok")) {
        const expected = "a row with a kernel time to draw";
        throw new InvalidInputError({ field: "--svg", value: undefined, expected });
      }
      const { validateFigure } = await import("../../report/figures/validateFigure.ts");
      await saveFigure(options.svg, validateFigure(document));
    });
}
