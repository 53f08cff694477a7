import { readCaches } from "../host/caches.ts";
import { compileKernels } from "../kernels/load.ts";
import { cacheGeometry } from "../measure/cacheModel.ts";
import { DOCUMENT_SCHEMA } from "../record/document.ts";
import type { IntensityRow } from "../record/intensityRows.ts";
import type { IntensityDocument } from "../record/schemas.ts";
import { formatBytes } from "../units/format.ts";
import { planRows } from "./benchPlan.ts";
import { checkMemory } from "./checkMemory.ts";
import { recordEnvironment } from "./environment.ts";
import { countRow } from "./intensityCount.ts";
import { kernelsHere } from "./kernelsHere.ts";
import { loadModel } from "./models.ts";
import type { ProgressEvent, ShapeSettings, TargetName } from "./settings.ts";

/** What `intensity` counts: kernels at shapes, on one thread. */
export interface IntensitySettings extends Omit<ShapeSettings, "threads"> {
  /** Absent: the best that this engine has. */
  readonly target?: TargetName;
  /** Ends the run after the kernel at work; what was counted is kept. */
  readonly signal: AbortSignal;
  onProgress(event: ProgressEvent): void;
  /** Told what a reader should know at once; it stands among the document's notes too. */
  onNotice?(text: string): void;
}

/** What a run of `intensity` gives back; `failed` where a kernel was off its reference or stopped. */
export interface IntensityOutcome {
  readonly document: IntensityDocument;
  readonly interrupted: boolean;
  readonly failed: boolean;
}

/**
 * Counts what kernels execute at a model's shapes, and sets it beside what the formulas say. Nothing is timed: the same settings give
 * the same numbers on every machine, but for bytes from memory, which follow from the size of this host's L2 cache.
 *
 * @throws InvalidInputError, InfeasibleError before anything is counted: bad settings, or more memory than there is.
 */
export async function intensity(settings: IntensitySettings): Promise<IntensityOutcome> {
  const card = await loadModel(
    settings.configFile === undefined ? { name: settings.model ?? "step3" } : { configFile: settings.configFile },
  );
  const { target, kernels, notices } = await kernelsHere(settings.target, undefined, (wasm) => compileKernels(wasm));
  for (const notice of notices) settings.onNotice?.(notice);
  const environment = recordEnvironment(target);
  const { l2, l3 } = readCaches();
  const planned = planRows({ ...settings, threads: [1] }, card, l3?.sizeBytes ?? l2.sizeBytes);
  checkMemory(planned, environment.availableMemoryBytes);
  const counter = { target, kernels, cache: cacheGeometry(l2.sizeBytes, l2.ways, l2.lineBytes) };
  const rows: IntensityRow[] = [];
  for (const [done, row] of planned.entries()) {
    settings.onProgress({
      text: `${row.fields.kernel} ${row.fields.dtype} ${row.fields.shape}`,
      done,
      total: planned.length,
    });
    // Counting holds this thread: a moment to hear of Ctrl-C, and to print.
    await new Promise((resolve) => setImmediate(resolve));
    if (settings.signal.aborted) break;
    rows.push(...countRow(counter, row));
  }
  const isOff = (row: IntensityRow): boolean =>
    row.row === "kernel" && (row.status === "failedCheck" || row.status === "trapped");
  return {
    document: {
      schema: DOCUMENT_SCHEMA,
      command: "intensity",
      environment,
      rows,
      notes: [...notices, ...notesOf(rows, environment.l2Bytes)],
    },
    interrupted: settings.signal.aborted,
    failed: rows.some(isOff),
  };
}

function notesOf(rows: readonly IntensityRow[], l2Bytes: number): string[] {
  const kernels = rows.filter((row) => row.row === "kernel");
  return [
    "Counted by instrumented builds of the kernels, on one thread; nothing was timed. Modeled: FLOPs of the matrix products and bytes of KV cache and weights by the formulas, values alone, each byte once.",
    `Bytes from memory are what a model of this host's L2 (${formatBytes(l2Bytes)}) fetches for the traced addresses; loaded and stored bytes are what instructions asked for, caches not regarded.`,
    ...kernels
      .filter(({ status }) => status !== "ok")
      .map(({ kernel, dtype, shape, status, statusReason }) => {
        return `${kernel} ${dtype} ${shape}: ${status}${statusReason === undefined ? "" : `: ${statusReason}`}.`;
      }),
  ];
}
