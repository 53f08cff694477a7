import type { Command } from "commander";
import type { StressLength, StressOutcome, StressSettings } from "../../runs/stress.ts";
import { InvalidInputError } from "../../units/errors.ts";
import { parseCount, parseDurationNs, parseNumber, parseSeed } from "../../units/parse.ts";
import { addOutputOptions, emit, type OutputOptions, resolveOutput, warnUnlessSavable } from "../output.ts";
import type { CommandContext, Terminal } from "../terminal.ts";
import { watchedRun } from "../watchedRun.ts";

const HELP = `
After each run: it has ended; its outputs are those of one thread; every stage was applied once;
every fault happened; no thread, timer or port is left. A run that is given up names what its faults
can have made unrecoverable.

Examples:
  $ afdbench stress                      200 seeds
  $ afdbench stress --minutes 30 --seed 1000
  $ afdbench stress --seed 17 --runs 1   one seed again
`;

interface StressOptions extends OutputOptions {
  runs?: string;
  minutes?: string;
  seed: string;
  timeout: string;
}

/** `afdbench stress`: random pipelines with random faults. */
export function addStress(program: Command, context: CommandContext): void {
  const command = program
    .command("stress")
    .description("random pipelines with random faults, and whether all holds that has to")
    .option("--runs <count>", "runs, a seed each (default: 200)")
    .option("--minutes <number>", "how long to go on, instead")
    .option("--seed <number>", "the first seed", "1")
    .option("--timeout <time>", "a run that has not ended after so long never will", "60s");
  addOutputOptions(command)
    .addHelpText("after", HELP)
    .action(async (options: StressOptions) => {
      context.exitCode = await runStress(options, context.terminal);
    });
}

async function runStress(options: StressOptions, terminal: Terminal): Promise<number> {
  const settings = {
    length: parseLength(options),
    seed: parseSeed(options.seed, "--seed"),
    timeoutNs: parseDurationNs(options.timeout, "--timeout"),
  };
  const output = await resolveOutput(options, "stress");
  await warnUnlessSavable(output, terminal);
  const { document, interrupted, failed } = await ran(settings, options, terminal);
  await emit(document, output, options, terminal);
  if (interrupted) return 130;
  return failed ? 1 : 0;
}

function parseLength({ runs, minutes }: StressOptions): StressLength {
  if (minutes === undefined) return { kind: "runs", runs: parseCount(runs ?? "200", "--runs") };
  if (runs !== undefined)
    throw new InvalidInputError({ field: "--minutes", value: `${minutes} with --runs`, expected: "one of the two" });
  return { kind: "time", durationNs: parseNumber(minutes, "--minutes", [0.001, 100_000]) * 60e9 };
}

type Resolved = Omit<StressSettings, "signal" | "onProgress">;

async function ran(settings: Resolved, options: StressOptions, terminal: Terminal): Promise<StressOutcome> {
  const { stress } = await import("../../runs/stress.ts");
  return watchedRun(terminal, options, "ending the run at work", ({ signal, onProgress }) =>
    stress({ ...settings, signal, onProgress }),
  );
}
