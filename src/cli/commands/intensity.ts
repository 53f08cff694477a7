import type { Command } from "commander";
import type { IntensityOutcome, IntensitySettings } from "../../runs/intensity.ts";
import type { ModuleIntensitySettings } from "../../runs/moduleIntensity.ts";
import { DEFAULT_KERNELS, KERNELS, type KernelName } from "../../runs/settings.ts";
import { addShapeOptions, resolveKernels, resolveShapes, type ShapeOptions } from "../benchOptions.ts";
import { interruptible } from "../interrupt.ts";
import { addModuleOptions, type ModuleOptions, resolveModule } from "../moduleOptions.ts";
import { addOutputOptions, emit, type OutputOptions, resolveOutput } from "../output.ts";
import { NO_PROGRESS, type Progress, startProgress } from "../progress.ts";
import type { CommandContext, Terminal } from "../terminal.ts";

const isCounted = (name: KernelName): boolean => name !== "roof.*";
const COUNTED_KERNELS = KERNELS.map(({ name }) => name).filter(isCounted);

const HELP = `
Kernels: ${COUNTED_KERNELS.filter((name) => !name.startsWith("wire.")).join(", ")}, wire.*.
Nothing is timed: it takes seconds, and the same settings give the same numbers. Bytes from memory
alone follow from this host's L2 cache, too.

A module of your own (--wasm) is instrumented by the package binaryen, which you install beside this
one: npm install binaryen. Calls run in turn on one instance; of each it prints what it executed.

Rows (--rows): kernel, modeled and measured FLOP/B; term, FLOPs by part of the layer; range, bytes of
KV cache, weights, activations, scratch; cause, every difference with its amount. Of a module: call,
callRange.

Examples:
  $ afdbench intensity                                     Step-3's kernels, modeled and counted
  $ afdbench intensity attention.core --model deepseek-v3 --kv-dtype int8,int4
  $ afdbench intensity linear.gemm --m 1,7,64 --n 1001 --k 515 --dtype int8
  $ afdbench intensity moe.layer --rows cause -o csv       each cause, for other programs
  $ afdbench intensity --wasm mine.wasm --call 'matmul(4096,8192,64)' --range weights=8Ki..1Mi
`;

/** `afdbench intensity`: counts what kernels execute, and sets it beside what the formulas say. */
export function addIntensity(program: Command, context: CommandContext): void {
  const command = program
    .command("intensity")
    .description("count FLOPs and bytes of kernels beside the modeled ones, and say why they differ")
    .argument("[kernel...]", "kernels to count (default: all but linear.gemm and wire.*)");
  addShapeOptions(command)
    .option("--target <name>", "WASM target: simd, relaxed, debug (default: the fastest this engine has)")
    .option("--seed <n>", "seed of the kernels' inputs", "1");
  addModuleOptions(command);
  addOutputOptions(command)
    .addHelpText("after", HELP)
    .action(async (kernels: string[], options: ShapeOptions & ModuleOptions & OutputOptions) => {
      const own = resolveModule(kernels, options);
      if (own !== undefined) {
        context.exitCode = await countModule(own, options, context.terminal);
        return;
      }
      const settings = {
        kernels: resolveKernels(kernels, COUNTED_KERNELS, DEFAULT_KERNELS.filter(isCounted)),
        ...resolveShapes(options),
      };
      const output = await resolveOutput(options, "intensity");
      const progress = options.quiet === true ? NO_PROGRESS : startProgress(context.terminal);
      const outcome = await countInterruptibly(settings, progress, context.terminal);
      await emit(outcome.document, output, options, context.terminal);
      context.exitCode = outcome.interrupted ? 130 : outcome.failed ? 1 : 0;
    });
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

async function countInterruptibly(
  settings: Omit<IntensitySettings, "signal" | "onProgress" | "onNotice">,
  progress: Progress,
  terminal: Terminal,
): Promise<IntensityOutcome> {
  const { intensity } = await import("../../runs/intensity.ts");
  const interrupt = interruptible(terminal, () => {
    progress.clear();
    terminal.err("afdbench: interrupted: ending after the kernel at work; press Ctrl-C again to end at once\n");
  });
  try {
    return await intensity({
      ...settings,
      signal: interrupt.signal,
      onProgress: (event) => progress.show(event),
      onNotice: (text) => {
        progress.clear();
        terminal.err(`afdbench: notice: ${text}\n`);
      },
    });
  } finally {
    interrupt.end();
    progress.clear();
  }
}
