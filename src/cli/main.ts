import { Command, CommanderError } from "commander";
import { packageVersion } from "../runs/version.ts";
import { InfeasibleError, InvalidInputError } from "../units/errors.ts";
import { addBench } from "./commands/bench.ts";
import { addCodesign } from "./commands/codesign.ts";
import { addCost } from "./commands/cost.ts";
import { addEnv } from "./commands/env.ts";
import { addHardware } from "./commands/hardware.ts";
import { addIntensity } from "./commands/intensity.ts";
import { addModels } from "./commands/models.ts";
import { addPaper } from "./commands/paper.ts";
import { addPipeline } from "./commands/pipeline.ts";
import { addPlan } from "./commands/plan.ts";
import { addProject } from "./commands/project.ts";
import { addRoofline } from "./commands/roofline.ts";
import { addSchema } from "./commands/schema.ts";
import { addSimulate } from "./commands/simulate.ts";
import { addStress } from "./commands/stress.ts";
import { addValidate } from "./commands/validate.ts";
import type { CommandContext, Terminal } from "./terminal.ts";

const EXAMPLES = `
Examples:
  $ afdbench bench                           one Step-3 layer, here and on accelerators
  $ afdbench bench --quick moe.expertMatmul  a first look at one kernel
  $ afdbench bench --json --save run.json    every sample, for other programs
  $ afdbench roofline --svg roof.svg         the most that this machine does, as a picture
  $ afdbench project attention.layer         its time on accelerators, with a band
  $ afdbench cost step3 --context 8k,32k     $ per million tokens, attention and FFN apart
  $ afdbench models show deepseek-v3         a model's dimensions and what a decoded token costs

Exit codes:
  0  done
  1  done, and something did not hold, such as a kernel off its reference or a paper cell off
  2  the input is wrong
  3  the input is valid, but cannot be carried out here
  130  interrupted; what was measured is printed and saved first
`;

/**
 * Runs one command line and gives its exit code; whatever goes wrong is printed here, once, in one line.
 *
 * @param args what stands after the program's name
 */
export async function main(args: readonly string[], terminal: Terminal): Promise<number> {
  const context: CommandContext = { terminal, exitCode: 0 };
  try {
    const program = programFor(context);
    if (args.length === 0) program.outputHelp();
    else await program.parseAsync(withoutVainHelp(args, program), { from: "user" });
    return context.exitCode;
  } catch (error) {
    return exitCodeAfter(error, terminal);
  }
}

/** In the order of the help. */
const COMMANDS = [
  addBench,
  addRoofline,
  addIntensity,
  addProject,
  addValidate,
  addModels,
  addHardware,
  addCost,
  addCodesign,
  addPaper,
  addPlan,
  addSimulate,
  addPipeline,
  addStress,
  addEnv,
  addSchema,
] as const;

/** The line for an error that no one foresaw; with its stack where AFDBENCH_DEBUG is set. */
export function internalErrorLine(error: unknown, debug: boolean): string {
  const message = error instanceof Error ? error.message : String(error);
  const stack = debug && error instanceof Error ? `\n${error.stack ?? ""}` : "";
  return `afdbench: internal error: ${oneLine(message)}${stack}\n`;
}

function programFor(context: CommandContext): Command {
  const { terminal } = context;
  const program = new Command("afdbench")
    .description(
      "Decode-kernel benchmarks in WASM SIMD: what attention and MoE kernels reach on this machine,\n" +
        "their measured arithmetic intensity, and what an accelerator would make of it.",
    )
    .version(packageVersion())
    .exitOverride()
    .configureOutput({
      writeOut: (text) => terminal.out(text),
      // The catch above prints commander's errors too.
      writeErr: () => {},
      getOutHelpWidth: () => Math.min(terminal.columns ?? 100, 100),
      getOutHasColors: () => false,
    })
    .addHelpText("after", EXAMPLES);
  for (const add of COMMANDS) add(program, context);
  return program;
}

/** `help` of a command that there isn't: commander's error would not name it, that of the bare command does. */
function withoutVainHelp(args: readonly string[], program: Command): readonly string[] {
  const [first, name] = args;
  const isVain = first === "help" && name !== undefined && !program.commands.some((one) => one.name() === name);
  return isVain ? args.slice(1) : args;
}

function exitCodeAfter(error: unknown, terminal: Terminal): number {
  if (error instanceof CommanderError) {
    if (error.exitCode === 0) return 0;
    return complain(error.message.replace(/^error: /, ""), 2, terminal);
  }
  if (error instanceof InvalidInputError) return complain(error.message, 2, terminal);
  if (error instanceof InfeasibleError) return complain(error.message, 3, terminal);
  terminal.err(internalErrorLine(error, terminal.debug));
  return 1;
}

function complain(message: string, exitCode: number, terminal: Terminal): number {
  terminal.err(`afdbench: ${oneLine(message)}\n`);
  return exitCode;
}

function oneLine(message: string): string {
  return message.replaceAll(/\s*\n\s*/g, " ").trim();
}
