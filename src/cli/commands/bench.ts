import type { Command } from "commander";
import { type BenchOutcome, type BenchSettings, KERNELS } from "../../runs/settings.ts";
import { addShapeOptions, type BenchOptions, resolveBench } from "../benchOptions.ts";
import {
  addOutputOptions,
  emit,
  HARDWARE_HELP,
  type OutputOptions,
  resolveOutput,
  warnUnlessSavable,
} from "../output.ts";
import type { CommandContext, Terminal } from "../terminal.ts";
import { watchedRun } from "../watchedRun.ts";

const HELP = `
Kernels (a name ending in * stands for all that begin so):
${KERNELS.map(({ name, computes }) => `  ${name.padEnd(21)}${computes}`).join("\n")}

LIST is comma-separated, with ranges: 16,32  1..16+5  64..4096*2; tokens take k = 1024 (8k = 8192).

Examples:
  $ afdbench bench                                        the default run
  $ afdbench bench attention.core --context 8k,32k        one kernel at two contexts
  $ afdbench bench attention.core --model deepseek-v3 --kv-dtype fp8,int8,int4
  $ afdbench bench moe.expertMatmul --m 1..256*4 --dtype int8
  $ afdbench bench --config config.json --hardware h800,h20,cards.yaml
  $ afdbench bench --quick -o md --save run.json          Markdown here, the record in a file
`;

/** `afdbench bench`: measures kernels here and projects them to accelerators. */
export function addBench(program: Command, context: CommandContext): void {
  const command = program
    .command("bench")
    .description("measure kernels on this machine, and project them to accelerators")
    .argument("[kernel...]", "kernels to run (default: all but linear.gemm and wire.*)");
  addShapeOptions(command)
    .option("--threads <list>", "threads that a kernel runs on", "1")
    .option("--target <name>", "WASM target: simd, relaxed, debug (default: the fastest this engine has)")
    .option("--revectorize", "let V8 fuse pairs of 128-bit vectors into 256 bits (Node 24 or newer, x64)")
    .option("--hardware <list>", `accelerators to project to: ${HARDWARE_HELP}`)
    .option("--seed <n>", "seed of the kernels' inputs", "1")
    .option("--quick", "fewer shapes and samples, for a first look")
    .option("-r, --repetitions <n>", "samples of each row (default: as many as --min-time needs, at least 10)")
    .option("-w, --warmup <n>", "calls before the first sample")
    .option("--min-time <duration>", "least time to sample a row for, such as 500ms");
  addOutputOptions(command)
    .option("--list", "print the kernels that would run, and run none")
    .addHelpText("after", HELP)
    .action(async (kernels: string[], options: BenchOptions & OutputOptions & { list?: boolean }) => {
      const resolved = resolveBench(kernels, options);
      if (options.list === true) {
        context.terminal.out(listText(resolved.kernels));
        return;
      }
      const { readHardware } = await import("../../runs/hardware.ts");
      const settings = { ...resolved, hardware: await readHardware(resolved.hardware) };
      context.exitCode = await runBench(settings, options, context.terminal);
    });
}

type Resolved = Omit<BenchSettings, "signal" | "onProgress">;

async function runBench(settings: Resolved, options: OutputOptions, terminal: Terminal): Promise<number> {
  const output = await resolveOutput(options, "bench");
  await warnUnlessSavable(output, terminal);
  const { bench } = await import("../../runs/bench.ts");
  const outcome: BenchOutcome = await watchedRun(terminal, options, "ending after the kernel at work", (watch) =>
    bench({ ...settings, ...watch }),
  );
  await emit(outcome.document, output, options, terminal);
  if (outcome.interrupted) return 130;
  return outcome.failed ? 1 : 0;
}

function listText(kernels: readonly string[]): string {
  return KERNELS.filter(({ name }) => kernels.includes(name))
    .map(({ name, computes }) => `${name.padEnd(21)}${computes}\n`)
    .join("");
}
