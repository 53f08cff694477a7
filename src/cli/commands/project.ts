import type { Command } from "commander";
import type { ProjectSettings } from "../../runs/project.ts";
import {
  PROJECTED_KERNELS,
  PROJECTED_PRECISIONS,
  type ProjectedKernel,
  requireProduct,
} from "../../runs/projectChoices.ts";
import { InvalidInputError } from "../../units/errors.ts";
import { parseCount, parseList, parseNames, parseTokens } from "../../units/parse.ts";
import { givenOption } from "../givenOption.ts";
import { parseModel, setOption } from "../modelingOptions.ts";
import { addOutputOptions, emit, HARDWARE_HELP, type OutputOptions, requireKnown, resolveOutput } from "../output.ts";
import type { CommandContext } from "../terminal.ts";
import { watchedRun } from "../watchedRun.ts";

interface ProjectOptions extends OutputOptions {
  model?: string;
  config?: string;
  batch: string;
  context: string;
  tensorParallel: string;
  expertParallel: string;
  m?: string;
  n?: string;
  k?: string;
  hardware?: string;
  set: string[];
  engine?: string;
  precision: string;
  kvBits: string;
  measured?: boolean;
}

const KV_BITS = ["16", "8"] as const;

const HELP = `
Kernels: ${PROJECTED_KERNELS.join(", ")}.
Constants come from published kernel times (see \`afdbench validate\`). Without --measured no kernel
is run.

Examples:
  $ afdbench project attention.layer --model step3 --batch 64 --context 8k,32k
  $ afdbench project attention.core --model deepseek-v3 --engine flashmla --hardware h800,h20
  $ afdbench project attention.layer --model qwen3-235b-a22b --batch 256 --tensor-parallel 4
  $ afdbench project moe.layer --model deepseek-v3 --batch 128 --expert-parallel 32
  $ afdbench project linear.gemm --m '1..256*4' --n 7168 --k 2048
  $ afdbench project attention.layer --hardware b200,my-cards.yaml --rows part
  $ afdbench project attention.layer --model step3 --measured
`;

/** `afdbench project`: a kernel's time on accelerators, with a band. */
export function addProject(program: Command, context: CommandContext): void {
  const command = program
    .command("project")
    .description("project a kernel's time to accelerators, with an 80% band")
    .argument("<kernel>", "what to project")
    .option("--model <name>", "model of the catalog (default: step3)")
    .option("--config <file>", "a config.json or model card instead")
    .option("--batch <tokens>", "sequences that a card decodes together, a list", "64")
    .option("--context <tokens>", "cached tokens of a sequence, a list", "8k")
    .option("--tensor-parallel <cards>", "cards that heads are divided among", "1")
    .option("--expert-parallel <cards>", "cards that experts are divided among, each with its batch", "1")
    .option("--m <rows>", "rows of one product, a list (linear.gemm, moe.expertMatmul)")
    .option("--n <columns>", "its columns")
    .option("--k <length>", "its inner dimension")
    .option("--hardware <list>", `accelerators: ${HARDWARE_HELP}`)
    .addOption(setOption("a figure or a field of the model"))
    .option("--engine <name>", "kernel library, or a part of its name (default: the family's median one)")
    .option("--precision <precision>", `what products multiply in: ${PROJECTED_PRECISIONS.join(", ")}`, "auto")
    .option("--kv-bits <bits>", "bits of a cached element, 16 or 8", "16")
    .option("--measured", "count FLOPs and memory traffic by running the kernels here");
  addOutputOptions(command)
    .addHelpText("after", HELP)
    .action(async (kernel: string, options: ProjectOptions, command: Command) => {
      const known = requireKnown("kernel", kernel, PROJECTED_KERNELS);
      refuseUnused(known, options, command);
      const hardware = options.hardware === undefined ? [] : parseNames(options.hardware, "--hardware");
      const { readHardware } = await import("../../runs/hardware.ts");
      const settings = resolveProject(known, options, await readHardware(hardware));
      const output = await resolveOutput(options, "project");
      const { project } = await import("../../runs/project.ts");
      const { document, interrupted } = await watchedRun(
        context.terminal,
        options,
        "printing what is counted",
        async ({ signal, onProgress }) => {
          const document = await project({ ...settings, signal, onProgress });
          return { document, interrupted: signal.aborted };
        },
      );
      await emit(document, output, options, context.terminal);
      if (interrupted) context.exitCode = 130;
    });
}

type Flag = "batch" | "context" | "tensorParallel" | "expertParallel" | "kvBits" | "model" | "config";

/** @throws InvalidInputError on an option that was given and would change nothing */
function refuseUnused(kernel: ProjectedKernel, options: ProjectOptions, command: Command): void {
  const dimension = (["m", "n", "k"] as const).find((name) => options[name] !== undefined);
  if (dimension !== undefined) requireProduct(kernel, `--${dimension}`);
  const given = givenOption(command, unusedBy(kernel, dimension !== undefined));
  if (given === undefined) return;
  const what = dimension === undefined ? kernel : "--m, --n and --k";
  const expected = `nothing beside ${what}, where it would change no number`;
  throw new InvalidInputError({ field: given.flag, value: options[given.name], expected });
}

/** Options that change no number of a kernel. */
function unusedBy(kernel: ProjectedKernel, hasDimensions: boolean): readonly Flag[] {
  if (hasDimensions) return ["model", "config", "batch", "context", "tensorParallel", "expertParallel", "kvBits"];
  return kernel.startsWith("attention.") ? ["expertParallel"] : ["context", "tensorParallel", "kvBits"];
}

function resolveProject(
  kernel: ProjectedKernel,
  options: ProjectOptions,
  hardware: ProjectSettings["hardware"],
): ProjectSettings {
  const model = parseModel(options);
  return {
    kernel,
    ...(model === undefined ? {} : { model }),
    batches: parseList(options.batch, parseCount, "--batch"),
    contexts: parseList(options.context, parseTokens, "--context"),
    tensorParallel: parseCount(options.tensorParallel, "--tensor-parallel"),
    expertParallel: parseCount(options.expertParallel, "--expert-parallel"),
    hardware,
    settings: options.set,
    ...(options.engine === undefined ? {} : { engine: options.engine }),
    precision: requireKnown("--precision", options.precision, PROJECTED_PRECISIONS),
    counts: options.measured === true ? "measured" : "modeled",
    kvBits: Number(requireKnown("--kv-bits", options.kvBits, KV_BITS)),
    ...dimensionsOf(options),
  };
}

function dimensionsOf({ m, n, k }: ProjectOptions): Pick<ProjectSettings, "dimensions"> {
  if (m === undefined && n === undefined && k === undefined) return {};
  const given = (value: string | undefined, field: string): string => {
    if (value !== undefined) return value;
    throw new InvalidInputError({ field, value: undefined, expected: "all of --m, --n and --k" });
  };
  const dimensions = {
    m: parseList(given(m, "--m"), parseCount, "--m"),
    n: parseCount(given(n, "--n"), "--n"),
    k: parseCount(given(k, "--k"), "--k"),
  };
  return { dimensions };
}
