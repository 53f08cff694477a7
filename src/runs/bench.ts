import type { Accelerator } from "../hardware/accelerator.ts";
import { readCaches } from "../host/caches.ts";
import { type ResidentPool, startResidentPool } from "../host/pool.ts";
import { settleVectorBits } from "../host/vectorWidth.ts";
import type { PassCount } from "../measure/roofPasses.ts";
import type { CacheSizes } from "../measure/roofPlan.ts";
import { measureRoofs } from "../measure/roofs.ts";
import { workerUrl } from "../measure/runner.ts";
import type { SamplePlan } from "../measure/sample.ts";
import type { ModelCard } from "../model/card.ts";
import type { BenchRow, DeploymentRow, KernelRow, ProjectionRow } from "../record/benchRows.ts";
import { DOCUMENT_SCHEMA } from "../record/document.ts";
import { projectKernel } from "../theory/projection.ts";
import { formatBytes } from "../units/format.ts";
import { deploymentRows } from "./benchDeployment.ts";
import { planRows } from "./benchPlan.ts";
import { roofRows } from "./benchRoofs.ts";
import { type Bench, measureRow } from "./benchRow.ts";
import { checkMemory } from "./checkMemory.ts";
import { recordEnvironment } from "./environment.ts";
import { chooseHardware } from "./hardware.ts";
import { kernelsHere } from "./kernelsHere.ts";
import { loadModel } from "./models.ts";
import type { PlannedRow } from "./plannedRow.ts";
import type { BenchOutcome, BenchSettings } from "./settings.ts";

/**
 * Measures kernels at a model's shapes on this machine and scales them to accelerators.
 *
 * Resolves with what was measured where it is interrupted.
 *
 * @throws InvalidInputError, InfeasibleError before anything is measured: bad settings, or more memory than there is.
 */
export async function bench(settings: BenchSettings): Promise<BenchOutcome> {
  const card = await loadModel(
    settings.configFile === undefined ? { name: settings.model ?? "step3" } : { configFile: settings.configFile },
  );
  const { accelerators, notes } = chooseHardware(settings);
  const vectorBits = settleVectorBits(settings.revectorize === true ? 256 : 128);
  const { target, kernels, notices } = await kernelsHere(settings.target);
  for (const notice of notices) settings.onNotice?.(notice);
  const environment = recordEnvironment(target);
  const caches = readCaches();
  const sizes: CacheSizes = {
    l1Bytes: caches.l1d.sizeBytes,
    l2Bytes: caches.l2.sizeBytes,
    l3Bytes: caches.l3?.sizeBytes ?? 0,
  };
  const planned = planRows(settings, card, sizes.l3Bytes || sizes.l2Bytes);
  checkMemory(planned, environment.availableMemoryBytes);

  const run: Bench = {
    target,
    vectorBits,
    module: kernels,
    caches,
    sizes,
    cores: environment.cpuCores,
    plan: samplePlan(settings),
    signal: settings.signal,
  };
  const rows: BenchRow[] = [];
  const measured: { planned: PlannedRow; row: KernelRow }[] = [];
  const total = planned.length + settings.threads.length;
  let done = 0;
  const progress = (text: string): void => settings.onProgress({ text, done: done++, total });
  let interrupted = false;
  try {
    for (const threads of settings.threads) {
      const pool = startResidentPool(workerUrl, threads);
      try {
        progress(`roofs of this host (${threads} thread${threads === 1 ? "" : "s"})`);
        const passes = settings.quick ? QUICK_PASSES : PASSES;
        const { module, cores } = run;
        const roofs = await measureRoofs(
          { pool, cores, vectorBits, signal: settings.signal },
          { target, module },
          sizes,
          passes,
        );
        rows.push(...roofRows(roofs, target, vectorBits));
        for (const plannedRow of planned.filter(({ fields }) => fields.threads === threads)) {
          settings.signal.throwIfAborted();
          progress(`${plannedRow.fields.kernel} ${plannedRow.fields.dtype} ${plannedRow.fields.shape}`);
          const row = await measureRow(run, plannedRow, pool, roofs);
          rows.push(row);
          measured.push({ planned: plannedRow, row });
        }
      } finally {
        await closePool(pool);
      }
    }
  } catch (error) {
    if (!settings.signal.aborted) throw error;
    interrupted = true;
  }
  for (const { row } of measured) rows.push(...projections(row, accelerators));
  if (!interrupted) rows.push(...deployments(settings, card, accelerators, measured));
  return {
    document: {
      schema: DOCUMENT_SCHEMA,
      command: "bench",
      environment,
      rows,
      notes: [...notices, ...notesOf(card, rows, environment.l2Bytes), ...unpricedNotes(accelerators), ...notes],
    },
    interrupted,
    failed: measured.some(({ row }) => row.status === "failedCheck" || row.status === "trapped"),
  };
}

/** Passes over the roofs: rows take minutes, these take seconds, and a roof that is still refused says so. */
const PASSES: PassCount = { least: 4, most: 16, passNs: 4e7 };
const QUICK_PASSES: PassCount = { least: 3, most: 8, passNs: 1.5e7 };

function samplePlan({ quick, repetitions, warmups, minTimeNs }: BenchSettings): SamplePlan {
  const minSamples = repetitions ?? (quick ? 5 : 10);
  return {
    minSamples,
    minSlowSamples: repetitions ?? (quick ? 3 : 5),
    slowNs: 5e8,
    // Asked for a number of samples, a row takes that number and no time beyond.
    minTimeNs: minTimeNs ?? (repetitions === undefined ? (quick ? 1e8 : 5e8) : 0),
    warmups: warmups ?? (quick ? 1 : 3),
    minSampleNs: 5e6,
  };
}

function projections(row: KernelRow, accelerators: readonly Accelerator[]): ProjectionRow[] {
  if (
    row.flops === undefined ||
    row.measuredFlopsPerByte === undefined ||
    (row.dtype !== "f32" && row.dtype !== "int8")
  )
    return [];
  const work = { flops: row.flops, bytes: row.flops / row.measuredFlopsPerByte };
  const dtype = row.dtype;
  const flopsPerByte = row.measuredFlopsPerByte;
  return accelerators.map((accelerator) => ({
    row: "projection",
    kind: "modeled",
    kernel: row.kernel,
    shape: row.shape,
    dtype,
    flopsPerByte,
    ...projectKernel(work, accelerator, dtype),
  }));
}

function deployments(
  settings: BenchSettings,
  card: ModelCard,
  accelerators: readonly Accelerator[],
  measured: readonly { planned: PlannedRow; row: KernelRow }[],
): DeploymentRow[] {
  const named = settings.kernels.some((kernel) => !/^(roof|linear|wire)\./.test(kernel));
  const priced = accelerators.filter(({ usdPerHour }) => usdPerHour !== undefined);
  return named && priced.length > 0 ? deploymentRows(settings, card, priced, measured) : [];
}

function unpricedNotes(accelerators: readonly Accelerator[]): string[] {
  const names = accelerators.filter(({ usdPerHour }) => usdPerHour === undefined).map(({ name }) => name);
  return names.length === 0 ? [] : [`No part of the deployment, having no price: ${names.join(", ")}.`];
}

async function closePool(pool: ResidentPool): Promise<void> {
  await pool.destroy();
}

function notesOf(card: ModelCard, rows: readonly BenchRow[], l2Bytes: number): string[] {
  const kernels = rows.filter((row) => row.row === "kernel");
  const composed = kernels.filter((row) => row.composed === true);
  return [
    "measured: median, FLOPs (counted by an instrumented build of the same kernel), measured FLOPs per byte; modeled: modeled FLOPs per byte, projections, deployment; published: the accelerators' prices, peaks and bandwidths (`afdbench hardware` has their sources).",
    `Measured FLOPs per byte: counted FLOPs of the matrix products over the bytes of KV cache and weights that a model of this host's L2 (${formatBytes(l2Bytes)}) fetches for the traced addresses of one thread.`,
    `Weights and inputs are seeded random numbers at the shapes of ${card.name}; every kernel was checked against a float64 reference before it was timed.`,
    ...(composed.length > 0
      ? [
          `Composed: the time of ${[...new Set(composed.map((row) => row.kernel))].join(", ")} is put together: ${composed[0]?.composedOf ?? ""}.`,
        ]
      : []),
    ...kernels
      .filter((row) => row.status !== "ok")
      .map(
        (row) =>
          `${row.kernel} ${row.dtype} ${row.shape}: ${row.status}${row.statusReason === undefined ? "" : `: ${row.statusReason}`}.`,
      ),
    "Projections: time = max(FLOPs / peak, bytes / bandwidth); int8 rows stand for 8-bit work (FP8 peak where the card has one, else BF16 peak with 8-bit bytes), f32 rows take the BF16 peak with the bytes stored here.",
  ];
}
