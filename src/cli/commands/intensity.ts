import type { Command } from "commander";
import type { ModuleIntensitySettings } from "../../runs/moduleIntensity.ts";
import { DEFAULT_KERNELS, KERNELS, type KernelName } from "../../runs/settings.ts";
import { InvalidInputError } from "../../units/errors.ts";
import { addShapeOptions, resolveKernels, resolveShapes, type ShapeOptions } from "../benchOptions.ts";
import { givenOption } from "../givenOption.ts";
import { addModuleOptions, type ModuleOptions, resolveModule } from "../moduleOptions.ts";
import { addOutputOptions, emit, type OutputOptions, resolveOutput, warnUnlessSavable } from "../output.ts";
import type { CommandContext, Terminal } from "../terminal.ts";
import { watchedRun } from "../watchedRun.ts";

const isCounted = (name: KernelName): boolean => name !== "roof.*";
const COUNTED_KERNELS = KERNELS.map(({ name }) => name).filter(isCounted);

const HELP = `
Kernels and lists are those of bench (see its help), but for roof.*.
Nothing is timed: a kernel takes seconds, and the same settings give the same numbers. Bytes from
memory alone follow from this host's L2 cache, too.

A module of your own (--wasm) is instrumented by the package binaryen, which you install beside this
one: npm install binaryen@131. Calls run in turn on one instance; it prints what each executed.

Rows (--rows): kernel, modeled and measured FLOP/B; term, FLOPs by part of the layer; range, bytes
of KV cache, weights, activations, scratch; cause, every difference with its amount; level, what
each of --caches serves. Of a module: call, callRange.

Examples:
  $ afdbench intensity                                     Step-3's kernels, modeled and counted
  $ afdbench intensity attention.core --model deepseek-v3 --kv-dtype int8,int4
  $ afdbench intensity linear.gemm --m 1,7,64 --n 1001 --k 515 --dtype int8
  $ afdbench intensity moe.layer --rows cause -o csv       each cause, for other programs
  $ afdbench intensity attention.core --caches host --rows level   bytes at each level
  $ afdbench intensity linear.gemm --m 64 --caches h800,910b
  $ afdbench intensity --wasm mine.wasm --call 'run(64)' --range weights=8Ki..1Mi
`;

/** `afdbench intensity`: counts what kernels execute, and sets it beside what the formulas say. */
export function addIntensity(program: Command, context: CommandContext): void {
  const command = program
    .command("intensity")
    .description("count FLOPs and bytes of kernels beside the modeled ones, and say why they differ")
    .argument("[kernel...]", "kernels to count (default: all but linear.gemm and wire.*)");
  addShapeOptions(command)
    .option("--target <name>", "WASM target: simd, relaxed, debug (default: the fastest this engine has)")
    .option("--seed <n>", "seed of the kernels' inputs", "1")
    .option("--caches <list>", "bytes by level of these caches: host, accelerators, or l1=32Ki/8,…");
  addModuleOptions(command);
  addOutputOptions(command)
    .addHelpText("after", HELP)
    .action(async (kernels: string[], options: IntensityOptions) => {
      const own = resolveModule(kernels, options);
      if (own !== undefined) {
        refuseOfKernels(command, options);
        context.exitCode = await countModule(own, options, context.terminal);
        return;
      }
      const chosen = resolveKernels(kernels, COUNTED_KERNELS, DEFAULT_KERNELS.filter(isCounted));
      const settings = {
        kernels: chosen,
        ...resolveShapes(chosen, options),
        ...(options.caches === undefined ? {} : { caches: options.caches }),
      };
      const output = await resolveOutput(options, "intensity");
      await warnUnlessSavable(output, context.terminal);
      const { intensity } = await import("../../runs/intensity.ts");
      const outcome = await watchedRun(context.terminal, options, "ending after the kernel at work", (watch) =>
        intensity({ ...settings, ...watch }),
      );
      await emit(outcome.document, output, options, context.terminal);
      context.exitCode = outcome.interrupted ? 130 : outcome.failed ? 1 : 0;
    });
}

type IntensityOptions = ShapeOptions & ModuleOptions & OutputOptions & { caches?: string };

/** Options that are of kernels here, and of no module of the user's own. */
const OF_KERNELS = [
  ...["model", "config", "batch", "context", "dtype", "kvDtype", "weightDtype", "tokensPerExpert"],
  ...["m", "n", "k", "target", "seed", "caches"],
] as readonly (keyof IntensityOptions)[];

/** @throws InvalidInputError on one that was given beside --wasm */
function refuseOfKernels(command: Command, options: IntensityOptions): void {
  const given = givenOption(command, OF_KERNELS);
  if (given === undefined) return;
  const { name, flag: field } = given;
  const why = name === "caches" ? "are counted and not traced" : "have arguments of their own";
  throw new InvalidInputError({ field, value: options[name], expected: `nothing with --wasm, whose calls ${why}` });
}

/** A module's calls run to their end: Ctrl-C ends the process at once. */
async function countModule(own: ModuleIntensitySettings, options: OutputOptions, terminal: Terminal): Promise<number> {
  const output = await resolveOutput(options, "intensity");
  const { moduleIntensity } = await import("../../runs/moduleIntensity.ts");
  const { document, failed } = await moduleIntensity(own);
  const shape = output.shape ?? (output.format === "csv" ? "call" : undefined);
  await emit(document, { ...output, ...(shape === undefined ? {} : { shape }) }, options, terminal);
  return failed ? 1 : 0;
}
