import type { Command } from "commander";
import type { RooflineKernels, RooflineSettings, RoofTarget } from "../../runs/roofline.ts";
import { InvalidInputError } from "../../units/errors.ts";
import { parseList, parseNames, parseThreads } from "../../units/parse.ts";
import {
  addOutputOptions,
  addSvgOption,
  emit,
  type OutputOptions,
  requireKnown,
  resolveOutput,
  saveFigure,
  warnUnlessSavable,
} from "../output.ts";
import type { CommandContext, Terminal } from "../terminal.ts";
import { watchedRun } from "../watchedRun.ts";

interface RooflineOptions extends OutputOptions {
  threads?: string;
  target?: string;
  revectorize?: boolean;
  quick?: boolean;
  recalibrate?: boolean;
  kernels?: string;
  model?: string;
  config?: string;
  hardware?: string;
}

const TARGETS: readonly RoofTarget[] = ["simd", "relaxed"];

const HELP = `
Roofs are measured once for a processor, Node and build, and kept in your cache folder
(XDG_CACHE_HOME or ~/.cache on Linux). Kernels come from a record of \`bench\`, or are run.

Examples:
  $ afdbench roofline                                    peaks and bandwidths of this machine
  $ afdbench bench --save run.json                       kernels of Step-3 here, then
  $ afdbench roofline --kernels run.json --svg roof.svg  ... under these roofs, as a picture
  $ afdbench roofline --model qwen3-32b --svg roof.svg   runs a model's kernels, quickly
  $ afdbench roofline --kernels run.json --hardware h800,h20 --svg roof.svg
  $ afdbench roofline --recalibrate --threads 1,2        measures anew
`;

/** `afdbench roofline`: the most that this machine does, and kernels under it. */
export function addRoofline(program: Command, context: CommandContext): void {
  const command = program
    .command("roofline")
    .description("measure the most that this machine does, and set kernels and accelerators beside")
    .option("--threads <list>", "threads that work at a time (default: 1 to the number of cores)")
    .option("--target <list>", `WASM targets: ${TARGETS.join(", ")} (default: those this engine has)`)
    .option("--revectorize", "let V8 fuse pairs of 128-bit vectors into 256 bits (Node 24 or newer, x64)")
    .option("--quick", "fewer passes, for a first look; not kept")
    .option("--recalibrate", "measure all roofs, though some are kept")
    .option("--kernels <file>", "a record of `bench` made here, whose kernels to set under the roofs")
    .option("--model <name>", "run a model's kernels quickly instead")
    .option("--config <file>", "or those of a config.json or model card")
    .option("--hardware <list>", "accelerators to set beside: names, YAML or JSON files, all (default: none)");
  addOutputOptions(addSvgOption(command, "roofs and kernels"))
    .addHelpText("after", HELP)
    .action(async (options: RooflineOptions) => {
      const hardware = options.hardware === undefined ? [] : parseNames(options.hardware, "--hardware");
      const resolved = await resolveRoofline(options);
      const { readHardware } = await import("../../runs/hardware.ts");
      const settings = { ...resolved, hardware: await readHardware(hardware) };
      context.exitCode = await runRoofline(settings, options, context.terminal);
    });
}

type Resolved = Omit<RooflineSettings, "signal" | "onProgress">;

async function resolveRoofline(options: RooflineOptions): Promise<Omit<Resolved, "hardware">> {
  const kernels = await resolveKernels(options);
  return {
    ...(options.threads === undefined ? {} : { threads: parseList(options.threads, parseThreads, "--threads") }),
    ...(options.target === undefined ? {} : { targets: resolveTargets(options.target) }),
    ...(options.revectorize === true ? { revectorize: true } : {}),
    quick: options.quick === true,
    calibration: options.recalibrate === true ? "anew" : "cached",
    ...(kernels === undefined ? {} : { kernels }),
  };
}

function resolveTargets(names: string): readonly RoofTarget[] {
  return parseNames(names, "--target").map((name) => requireKnown("--target", name, TARGETS));
}

async function resolveKernels({ kernels, model, config }: RooflineOptions): Promise<RooflineKernels | undefined> {
  const given = Object.entries({ "--kernels": kernels, "--model": model, "--config": config }).flatMap(
    ([field, value]) => (value === undefined ? [] : [`${field} ${value}`]),
  );
  if (given.length > 1) {
    throw new InvalidInputError({ field: "--kernels", value: given.join(" with "), expected: "one of these alone" });
  }
  if (kernels !== undefined) {
    const { readBenchRecord } = await import("../../runs/benchRecord.ts");
    return { record: await readBenchRecord(kernels, "--kernels") };
  }
  if (model !== undefined) return { model: { name: model } };
  return config === undefined ? undefined : { model: { configFile: config } };
}

async function runRoofline(settings: Resolved, options: RooflineOptions, terminal: Terminal): Promise<number> {
  const output = await resolveOutput(options, "roofline");
  await warnUnlessSavable(output, terminal);
  const { roofline } = await import("../../runs/roofline.ts");
  const { document, interrupted, failed } = await watchedRun(
    terminal,
    options,
    "ending after the loop at work",
    (watch) => roofline({ ...settings, ...watch }),
  );
  await emit(document, output, options, terminal);
  if (options.svg !== undefined && !interrupted) {
    const { rooflineFigure } = await import("../../report/figures/rooflineFigure.ts");
    await saveFigure(options.svg, rooflineFigure(document));
  }
  if (interrupted) return 130;
  return failed ? 1 : 0;
}
