import { styleText } from "node:util";
import type { Command } from "commander";
import type { AnyDocument } from "../record/schemas.ts";
import type { Figure } from "../report/figures/figure.ts";
import type { Style } from "../report/style.ts";
import { InfeasibleError, InvalidInputError } from "../units/errors.ts";
import type { Terminal } from "./terminal.ts";

const FORMATS = ["table", "md", "csv", "json"] as const;
type Format = (typeof FORMATS)[number];

/** Options of every command that prints a document, as commander gives them. */
export interface OutputOptions {
  output?: string;
  json?: boolean;
  rows?: string;
  save?: string;
  svg?: string;
  color: boolean;
  quiet?: boolean;
}

/** Names of pictures that are no SVG. */
const OTHER_PICTURES = /\.(png|jpe?g|gif|webp|avif|bmp|tiff?|pdf|eps)$/i;

/** How a document leaves the program. */
export interface Output {
  format: Format;
  /** The one row shape to print; absent: all that the format can hold. */
  shape?: string;
  savePath?: string;
}

/** What `--hardware` takes, for the help of every command that has it. */
export const HARDWARE_HELP = "names, YAML or JSON files, all (default: h800,h20,a800,910b)";

/** Adds the option of commands that also draw. */
export function addSvgOption(command: Command, drawn: string): Command {
  return command.option("--svg <file>", `draw ${drawn} as SVG`);
}

/** Adds the options that every command has which prints a document. */
export function addOutputOptions(command: Command): Command {
  return command
    .option("-o, --output <format>", `how to print it: ${FORMATS.join(", ")} (default: table)`)
    .option("--json", "short for -o json")
    .option("--rows <shape>", "print rows of this shape alone")
    .option("--save <file>", "write the whole JSON document to a file as well")
    .option("--no-color", "no colours (NO_COLOR does the same)")
    .option("--quiet", "nothing on stderr but errors");
}

/**
 * Resolves the output options of a command before it runs.
 *
 * @throws InvalidInputError on an unknown format, or a row shape the command does not print.
 * @throws InfeasibleError on a picture that cannot be written.
 */
export async function resolveOutput(options: OutputOptions, command: AnyDocument["command"]): Promise<Output> {
  const format = formatOf(options);
  if (options.rows !== undefined) {
    const { rowShapesOf } = await import("../record/schemas.ts");
    requireKnown("--rows", options.rows, rowShapesOf(command));
  }
  if (options.svg !== undefined) {
    if (OTHER_PICTURES.test(options.svg)) {
      throw new InvalidInputError({
        field: "--svg",
        value: options.svg,
        expected: "a file of SVG text, such as picture.svg",
      });
    }
    const { checkWritable } = await import("../record/files.ts");
    checkWritable(options.svg);
  }
  return {
    format,
    ...(options.rows === undefined ? {} : { shape: options.rows }),
    ...(options.save === undefined ? {} : { savePath: options.save }),
  };
}

/** A run can be long: says at once that its record will have no place, but lets it measure and print all the same. */
export async function warnUnlessSavable({ savePath }: Output, terminal: Terminal): Promise<void> {
  if (savePath === undefined) return;
  const { checkWritable } = await import("../record/files.ts");
  try {
    checkWritable(savePath);
  } catch (error) {
    if (!(error instanceof InfeasibleError)) throw error;
    terminal.err(`afdbench: warning: ${error.message}; the results will still be printed\n`);
  }
}

/**
 * Prints a document, then saves it where that was asked for.
 *
 * @throws InfeasibleError after printing, where the file cannot be written.
 */
export async function emit(
  document: AnyDocument,
  output: Output,
  options: OutputOptions,
  terminal: Terminal,
): Promise<void> {
  const { render } = await import("../report/render.ts");
  const { format, shape } = output;
  const settings = { style: styleFor(options, terminal), columns: terminal.columns ?? 160 };
  terminal.out(render(document, format, { ...settings, ...(shape === undefined ? {} : { shape }) }));
  if (output.savePath === undefined) return;
  const { saveDocument } = await import("../record/files.ts");
  saveDocument(output.savePath, document);
}

/**
 * Draws a figure into the file that --svg names.
 *
 * @throws InvalidInputError on what no picture can show, InfeasibleError where the file cannot be written.
 */
export async function saveFigure(path: string, figure: Figure): Promise<void> {
  const [{ figureSvg }, { saveText }] = await Promise.all([
    import("../report/figures/figureSvg.ts"),
    import("../record/files.ts"),
  ]);
  saveText(path, await figureSvg(figure));
}

/**
 * Gives the one of `known` that `value` names.
 *
 * @throws InvalidInputError with the nearest name.
 */
export function requireKnown<Name extends string>(field: string, value: string, known: readonly Name[]): Name {
  const found = known.find((name) => name === value);
  if (found !== undefined) return found;
  throw new InvalidInputError({ field, value, expected: `one of ${known.join(", ")}`, known });
}

/** Styles for stdout: none unless it is a terminal that may be coloured. */
function styleFor(options: OutputOptions, terminal: Terminal): Style {
  if (!terminal.outIsTerminal || terminal.noColor || !options.color) return (_tone, text) => text;
  return (tone, text) => styleText(STYLES[tone], text, { validateStream: false });
}

const STYLES = { title: "bold", quiet: "dim", bad: "red" } as const;

function formatOf(options: OutputOptions): Format {
  if (options.output === undefined) return options.json === true ? "json" : "table";
  const format = requireKnown("--output", options.output, FORMATS);
  if (options.json !== true || format === "json") return format;
  throw new InvalidInputError({ field: "--json", value: `with -o ${format}`, expected: "one of the two" });
}
