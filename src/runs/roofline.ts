import type { Accelerator } from "../hardware/accelerator.ts";
import { settleVectorBits } from "../host/vectorWidth.ts";
import { DOCUMENT_SCHEMA, type Environment } from "../record/document.ts";
import type { AcceleratorRoofRow, PlacedRow, RoofRow } from "../record/rooflineRows.ts";
import type { BenchDocument, RooflineDocument } from "../record/schemas.ts";
import { roofsFor } from "../theory/projection.ts";
import { ridgeFlopsPerByte } from "../theory/roofline.ts";
import { bench } from "./bench.ts";
import { recordEnvironment } from "./environment.ts";
import { chooseHardware, type HardwareItem } from "./hardware.ts";
import { hostRoofs, type RoofHost, type RoofSettings, roofName } from "./hostRoofs.ts";
import { kernelsHere } from "./kernelsHere.ts";
import { loadModel, type ModelChoice } from "./models.ts";
import { checkSameHost, placedRows } from "./placedKernels.ts";
import { type BenchOutcome, DEFAULT_KERNELS } from "./settings.ts";

/** Kernels to set under the roofs: those of a record of `bench`, or a model's, benched quickly. */
export type RooflineKernels = { readonly record: BenchDocument } | { readonly model: ModelChoice };

/** What `roofline` measures. */
export interface RooflineSettings extends RoofSettings {
  /** Absent: the best that this engine computes right, and the baseline. */
  readonly targets?: readonly RoofTarget[];
  /** Has V8 fuse pairs of 128-bit vectors into 256 bits: for all kernels of this process, before the first is compiled. */
  readonly revectorize?: boolean;
  readonly kernels?: RooflineKernels;
  /** Accelerators whose rooflines stand beside: names, `all`, or the caller's own; may be empty. */
  readonly hardware: readonly HardwareItem[];
  /** Told what a reader should know at once; it stands among the document's notes too. */
  onNotice?(text: string): void;
}

export type RoofTarget = "simd" | "relaxed";

/** What a run of `roofline` gives back; `failed` where a kernel was off its reference. */
export interface RooflineOutcome {
  readonly document: RooflineDocument;
  readonly interrupted: boolean;
  readonly failed: boolean;
}

/**
 * Measures the most that this host does, or takes it from the cache, and sets kernels and accelerators beside.
 *
 * Resolves with what was measured where it is interrupted.
 *
 * @throws InvalidInputError, InfeasibleError before anything is measured: bad settings, or a target that does not run here.
 */
export async function roofline(settings: RooflineSettings): Promise<RooflineOutcome> {
  const { accelerators, notes: hardwareNotes } =
    settings.hardware.length === 0 ? { accelerators: [], notes: [] } : chooseHardware(settings);
  const vectorBits = settleVectorBits(settings.revectorize === true ? 256 : 128);
  const builds = await buildsHere(settings.targets);
  const notices = builds.flatMap((build) => build.notices);
  for (const notice of notices) settings.onNotice?.(notice);
  const environment = recordEnvironment(builds[0].target);
  const host: RoofHost = { builds, environment, vectorBits };
  const kernelsOf = await kernelSource(settings, environment);
  const { rows: roofs, notes } = await hostRoofs(settings, host);
  const { signal } = settings;
  const benched = signal.aborted ? undefined : await kernelsOf();
  const placed = benched === undefined ? [] : placedRows(benched.document, roofs);
  const rows = [...roofs, ...placed, ...accelerators.flatMap(acceleratorRows)];
  return {
    document: {
      schema: DOCUMENT_SCHEMA,
      command: "roofline",
      environment,
      rows,
      notes: [
        ...notices,
        ...notes,
        ...roofNotes(roofs),
        ...(benched === undefined ? [] : kernelNotes(benched.document, environment)),
        ...unlimitedNotes(placed),
        ...(accelerators.length === 0 ? [] : [ACCELERATOR_NOTE]),
        ...hardwareNotes,
      ],
    },
    interrupted: signal.aborted,
    failed: benched?.failed === true,
  };
}

/** Kernels of the targets asked for, else of the best that this engine computes right and of the baseline. */
async function buildsHere(targets: readonly RoofTarget[] = []): Promise<RoofHost["builds"]> {
  const [first, ...others] = await Promise.all([...new Set(targets)].map((target) => kernelsHere(target)));
  if (first !== undefined) return [first, ...others];
  const best = await kernelsHere(undefined);
  return best.target === "simd" ? [best] : [best, await kernelsHere("simd")];
}

type Benched = Pick<BenchOutcome, "document" | "failed">;

/**
 * Where kernels come from, once the roofs are there: a record is checked, and a model looked up, before anything is measured.
 */
async function kernelSource(
  settings: RooflineSettings,
  environment: Environment,
): Promise<() => Promise<Benched | undefined>> {
  const { kernels } = settings;
  if (kernels === undefined) return async () => undefined;
  if ("record" in kernels) {
    const document = kernels.record;
    checkSameHost(document.environment, environment);
    return async () => ({ document, failed: false });
  }
  await loadModel(kernels.model);
  return () => benchModel(settings, kernels.model);
}

/** Benches a model's kernels, quickly, on one thread unless others were asked for. */
function benchModel(
  { threads = [1], revectorize, targets, signal, onProgress, onNotice }: RooflineSettings,
  model: ModelChoice,
): Promise<BenchOutcome> {
  const [target] = targets ?? [];
  return bench({
    kernels: DEFAULT_KERNELS,
    ...("name" in model ? { model: model.name } : { configFile: model.configFile }),
    ...{ batches: [16], contexts: [8192], tokensPerExpert: [16] },
    dtypes: ["f32", "int8"],
    threads,
    ...(target === undefined ? {} : { target }),
    ...(revectorize === true ? { revectorize } : {}),
    hardware: [],
    seed: 1,
    quick: true,
    signal,
    onProgress,
    ...(onNotice === undefined ? {} : { onNotice }),
  });
}

function acceleratorRows(accelerator: Accelerator): AcceleratorRoofRow[] {
  return (["f32", "int8"] as const).map((dtype) => {
    const { precision, flopsPerSecond, bytesPerSecond } = roofsFor(accelerator, dtype);
    return {
      row: "accelerator",
      kind: "published",
      accelerator: accelerator.name,
      ...{ dtype, precision, flopsPerSecond, bytesPerSecond },
      ridgeFlopsPerByte: ridgeFlopsPerByte({ flopsPerSecond, bytesPerSecond }),
    };
  });
}

const ACCELERATOR_NOTE =
  "Accelerators: published peaks and memory bandwidths (`afdbench hardware` has their sources); f32 kernels stand for BF16, int8 kernels for FP8 where the card has it, else BF16.";

function roofNotes(rows: readonly RoofRow[]): string[] {
  const cached = rows
    .filter((row) => row.cached)
    .map(({ measuredAt }) => measuredAt)
    .sort();
  const [first] = cached;
  return [
    "Measured: roofs, each the fastest of its passes; spread is how far the third best pass stays below it. Reads go over a working set again and again; peaks are those of the matmul's own register tiles.",
    ...(first === undefined
      ? []
      : [
          `From the cache: ${cached.length} of ${rows.length} roofs, the oldest measured at ${first}; --recalibrate measures anew.`,
        ]),
    ...rows
      .filter(({ status }) => status !== "ok")
      .map((row) => `${roofName(row)}: ${row.status}: ${row.statusReason ?? "no reason given"}.`),
  ];
}

function kernelNotes(record: BenchDocument, here: Environment): string[] {
  const kernels = record.rows.filter((row) => row.row === "kernel").filter(({ kernel }) => !kernel.startsWith("roof."));
  const left = kernels.filter((row) => row.flopsPerSecond === undefined || row.measuredFlopsPerByte === undefined);
  const whys = [...Map.groupBy(left, ({ status }) => status)].map(([status, rows]) => `${rows.length} ${status}`);
  const { nodeVersion, date } = record.environment;
  return [
    `Kernels were measured at ${date}: measured FLOP/B are counted FLOPs over the bytes of KV cache and weights that miss this host's modeled L2; modeled FLOP/B are those of the formulas.`,
    ...(nodeVersion === here.nodeVersion
      ? []
      : [`The kernels' record was made on Node ${nodeVersion}, the roofs on ${here.nodeVersion}.`]),
    ...kernels
      .filter((row) => row.status !== "ok" && !left.includes(row))
      .map(
        (row) => `${row.kernel} ${row.dtype} ${row.shape}: ${row.status}: ${row.statusReason ?? "no reason given"}.`,
      ),
    ...(left.length === 0
      ? []
      : [
          `${left.length} of the record's ${kernels.length} kernels have no rate or no intensity, and no place here: ${whys.join(", ")}.`,
        ]),
  ];
}

/** Why rows have no share of a roof. */
function unlimitedNotes(placed: readonly PlacedRow[]): string[] {
  const unlimited = placed.filter(({ roofFraction }) => roofFraction === undefined).length;
  if (unlimited === 0) return [];
  return [
    `${unlimited} of ${placed.length} kernels have no share of a roof: that of their dtype, target and threads, or of the level that holds their working set, was not measured or does not stand.`,
  ];
}
