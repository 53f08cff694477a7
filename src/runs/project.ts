import type { Accelerator } from "../hardware/accelerator.ts";
import { pickTarget } from "../kernels/target.ts";
import type { ModelCard, MoeFfnSpec, SoftmaxSpec } from "../model/card.ts";
import { moeOf } from "../model/moe.ts";
import { DOCUMENT_SCHEMA } from "../record/document.ts";
import type { LatencyRow, PartRow } from "../record/projectRows.ts";
import type { ProjectDocument } from "../record/schemas.ts";
import { peaksOf } from "../theory/families.ts";
import { type Basis, engineNames, type ProjectedLatency, projectLatency } from "../theory/projectLatency.ts";
import { SHIPPED_CONSTANTS } from "../theory/shippedConstants.ts";
import { InvalidInputError } from "../units/errors.ts";
import { type KernelShape, kernelWork, type Operand, shapeText } from "../workload/kernelShape.ts";
import {
  attentionCore,
  attentionLayer,
  expertProducts,
  type LayerKernel,
  type LayerSetting,
  moeLayer,
} from "../workload/layerKernels.ts";
import { recordEnvironment } from "./environment.ts";
import { type ChosenHardware, chooseHardware, type HardwareItem } from "./hardware.ts";
import { modelsAndHardware } from "./inUse.ts";
import { countWorks, type MeasuredWork, withMeasured } from "./measuredWork.ts";
import type { ModelChoice } from "./models.ts";
import { type CountSource, type ProjectedKernel, type ProjectedPrecision, requireProduct } from "./projectChoices.ts";
import { missingEngineNotes, projectNotes, spanNotes } from "./projectNotes.ts";
import type { ProgressEvent } from "./settings.ts";

/** What `project` works out. */
export interface ProjectSettings {
  readonly kernel: ProjectedKernel;
  /** Absent where dimensions say everything. */
  readonly model?: ModelChoice;
  readonly batches: readonly number[];
  readonly contexts: readonly number[];
  readonly tensorParallel: number;
  readonly expertParallel: number;
  readonly hardware: readonly HardwareItem[];
  readonly settings: readonly string[];
  /** A part of an engine's name; absent: the family's median engine. */
  readonly engine?: string;
  readonly precision: ProjectedPrecision;
  readonly kvBits: number;
  readonly counts: CountSource;
  /** Dimensions of a product, in place of a model's. */
  readonly dimensions?: { readonly m: readonly number[]; readonly n: number; readonly k: number };
  /** Ends a run that counts after the kernel at work; what was counted by then has its rows. */
  readonly signal?: AbortSignal;
  readonly onProgress?: (event: ProgressEvent) => void;
}

/** A kernel to project, whatever the card: its parts, and what they are of. */
interface Task {
  readonly model?: string;
  readonly shape: string;
  readonly parts: (operand: Operand) => readonly LayerKernel[];
}

/**
 * Times of a kernel on accelerators with their 80% bands; nothing is run unless its counts shall be measured.
 * @throws InvalidInputError on unknown names, a model that has no such kernel, or a shape that no kernel here can be counted at
 */
export async function project(settings: ProjectSettings): Promise<ProjectDocument> {
  const { tasks, hardware, notes } =
    settings.dimensions === undefined ? await ofModel(settings) : ofProduct(settings, settings.dimensions);
  const { accelerators } = hardware;
  const engine = engineOf(settings);
  const placed = tasks.flatMap((task) => accelerators.map((accelerator) => placedTask(task, accelerator, settings)));
  const projected = (await countedTasks(placed, settings)).map((task) => projectTask(task, engine, settings));
  const wholes = projected.map(({ whole }) => whole);
  const parts = projected.flatMap((one) => one.parts);
  return {
    schema: DOCUMENT_SCHEMA,
    command: "project",
    environment: recordEnvironment(),
    rows: [...wholes, ...parts],
    notes: [
      ...projectNotes(wholes, accelerators, settings),
      ...notes,
      ...missingEngineNotes(parts, engine),
      ...hardware.notes,
      ...(settings.signal?.aborted === true ? ["Interrupted: what was not counted by then has no rows."] : []),
    ],
  };
}

/** A kernel on an accelerator: its parts, each with what it was counted at where counts are measured. */
interface PlacedTask {
  readonly task: Task;
  readonly accelerator: Accelerator;
  readonly operand: Operand;
  readonly kernels: readonly (LayerKernel & { readonly measured: MeasuredWork | undefined })[];
}

function placedTask(task: Task, accelerator: Accelerator, { precision }: ProjectSettings): PlacedTask {
  const operand = operandFor(accelerator, precision);
  const kernels = task.parts(operand).map((kernel) => ({ ...kernel, measured: undefined }));
  return { task, accelerator, operand, kernels };
}

/** Those whose kernels were all counted, where they shall be. */
async function countedTasks(
  placed: readonly PlacedTask[],
  { counts, signal = new AbortController().signal, onProgress = () => {} }: ProjectSettings,
): Promise<readonly PlacedTask[]> {
  if (counts === "modeled") return placed;
  const kernels = placed.flatMap(({ accelerator: { name, l2Bytes }, kernels }) =>
    kernels.map(({ part, shape }) => ({ shape, l2Bytes, text: `${part} ${shapeText(shape)} for ${name}` })),
  );
  const workOf = await countWorks(await pickTarget(undefined), kernels, { signal, onProgress });
  return placed
    .map(({ kernels, ...task }) => ({
      ...task,
      kernels: kernels.map((kernel) => ({ ...kernel, measured: workOf(kernel.shape, task.accelerator.l2Bytes) })),
    }))
    .filter(({ kernels }) => kernels.every(({ measured }) => measured !== undefined));
}

function projectTask(
  { task, accelerator, operand, kernels: counted }: PlacedTask,
  engine: string | undefined,
  settings: ProjectSettings,
): { readonly whole: LatencyRow; readonly parts: readonly PartRow[] } {
  const peaks = peaksOf(accelerator);
  const kernels = counted.map(({ part, shape, measured }) => {
    const work = measured === undefined ? undefined : withMeasured(shape, measured);
    return { part, shape, measured, projected: projectLatency(shape, peaks, SHIPPED_CONSTANTS, engine, work) };
  });
  const common = {
    kind: "modeled" as const,
    kernel: settings.kernel,
    ...(task.model === undefined ? {} : { model: task.model }),
    accelerator: accelerator.name,
  };
  const parts = kernels.map(
    ({ part, shape, measured, projected }): PartRow => ({
      row: "part",
      ...common,
      precision: shape.operand,
      shape: shapeText(shape),
      ...kvBitsOf(shape),
      ...timesOf([projected]),
      part,
      paddedM: projected.paddedM,
      l2Share: projected.l2Share,
      coreShare: projected.coreShare,
      ...(measured === undefined ? {} : { ...countsOf([{ shape, measured }]), measuredAs: measured.text }),
    }),
  );
  const cached = kernels.map(({ shape }) => shape).find((shape) => "bytesPerKvElement" in shape);
  const only = kernels.length === 1 ? kernels[0] : undefined;
  const whole: LatencyRow = {
    row: "latency",
    ...common,
    precision: only === undefined ? operand : only.shape.operand,
    shape: task.shape,
    ...(cached === undefined ? {} : kvBitsOf(cached)),
    ...timesOf(kernels.map(({ projected }) => projected)),
    ...countsOf(kernels),
  };
  return { whole, parts };
}

type CountName = "measuredFlops" | "measuredBytes" | "modeledFlops" | "modeledBytes";

/** Sums of what was counted and what it replaces; nothing where nothing was counted. */
function countsOf(
  kernels: readonly { readonly shape: KernelShape; readonly measured: MeasuredWork | undefined }[],
): Partial<Record<CountName, number>> {
  const counted = kernels.flatMap(({ shape, measured }) =>
    measured === undefined ? [] : [{ measured, modeled: kernelWork(shape) }],
  );
  if (counted.length === 0) return {};
  const sum = (of: (one: (typeof counted)[number]) => number) => counted.reduce((total, one) => total + of(one), 0);
  return {
    measuredFlops: sum(({ measured }) => measured.flops),
    modeledFlops: sum(({ modeled }) => modeled.flops),
    measuredBytes: sum(({ measured }) => measured.streamedBytes),
    modeledBytes: sum(({ modeled }) => modeled.streamedBytes),
  };
}

type Times = Omit<
  LatencyRow,
  CountName | "row" | "kind" | "kernel" | "model" | "accelerator" | "shape" | "precision" | "kvBits"
>;

/** Sums of a layer's kernels; their errors are taken as independent. */
function timesOf(kernels: readonly ProjectedLatency[]): Times {
  const [first, ...others] = kernels;
  if (first === undefined) throw new Error("a layer without kernels");
  const longest = others.reduce((best, one) => (one.latencyNs > best.latencyNs ? one : best), first);
  const sum = (of: (one: ProjectedLatency) => number) => kernels.reduce((total, one) => total + of(one), 0);
  const latencyNs = sum((one) => one.latencyNs);
  return {
    latencyNs,
    lowNs: latencyNs - Math.sqrt(sum((one) => (one.latencyNs - one.lowNs) ** 2)),
    highNs: latencyNs + Math.sqrt(sum((one) => (one.highNs - one.latencyNs) ** 2)),
    bound: longest.bound,
    fixedNs: sum((one) => one.fixedNs),
    memoryNs: sum((one) => one.memoryNs),
    computeNs: sum((one) => one.computeNs),
    paddingNs: sum((one) => one.paddingNs),
    basis: kernels.map(({ basis }) => basis).reduce((worst, basis) => (ORDER[basis] > ORDER[worst] ? basis : worst)),
    family: longest.family,
    nearestFamily: kernels.some(({ nearestFamily }) => nearestFamily),
    engine: longest.engine,
    fittedRows: longest.fittedRows,
    nearbyFactor: latencyNs / sum((one) => one.latencyNs / one.nearbyFactor),
    outsideDoublings: Math.max(...kernels.map(({ outsideDoublings }) => outsideDoublings)),
  };
}

const ORDER: Readonly<Record<Basis, number>> = { engine: 0, otherEngine: 1, otherFamily: 2 };

/** What is projected, on which accelerators, with what settings replace. */
interface Projection {
  readonly tasks: readonly Task[];
  readonly hardware: ChosenHardware;
  readonly notes: readonly string[];
}

async function ofModel(settings: ProjectSettings): Promise<Projection> {
  const { models, hardware } = await modelsAndHardware({ ...settings, models: [settings.model ?? { name: "step3" }] });
  const card = models[0] as ModelCard;
  const notes = settings.kernel.startsWith("moe.") ? [] : spanNotes(card);
  return { tasks: modelTasks(settings, card), hardware, notes };
}

function ofProduct(settings: ProjectSettings, dimensions: NonNullable<ProjectSettings["dimensions"]>): Projection {
  return { tasks: productTasks(settings, dimensions), hardware: chooseHardware(settings), notes: [] };
}

function modelTasks(settings: ProjectSettings, card: ModelCard): readonly Task[] {
  return settings.batches.flatMap((batch) =>
    contextsOf(settings).map((kvTokens): Task => {
      const { tensorParallel, expertParallel, kvBits } = settings;
      const at = { batch, kvTokens, tensorParallel, expertParallel, bytesPerKvElement: kvBits / 8 };
      const parts = (operand: Operand) => kernelsOf(settings.kernel, card, { ...at, ...stored(operand) });
      return { model: card.name, shape: settingText(settings, batch, kvTokens), parts };
    }),
  );
}

function kernelsOf(kernel: ProjectedKernel, card: ModelCard, setting: LayerSetting): readonly LayerKernel[] {
  switch (kernel) {
    case "attention.core":
      return [attentionCore(cachedAttention(card), setting)];
    case "attention.layer":
      return attentionLayer(cachedAttention(card), card.hidden, setting);
    case "moe.layer":
      return moeLayer(card, requireMoe(card), setting);
    case "moe.expertMatmul":
      return expertProducts(card, requireMoe(card), setting);
    case "linear.gemm":
      throw new InvalidInputError({
        field: "linear.gemm",
        value: undefined,
        expected: "its dimensions --m, --n and --k",
      });
  }
}

function productTasks(
  { kernel }: ProjectSettings,
  { m, n, k }: NonNullable<ProjectSettings["dimensions"]>,
): readonly Task[] {
  requireProduct(kernel, "--m");
  return m.map((rows) => ({
    shape: `m=${rows} n=${n} k=${k}`,
    parts: (operand) => [
      { part: "product", shape: { kind: "gemm", groups: 1, m: rows, n, k, ...stored(operand), rows: "even" } },
    ],
  }));
}

function stored(operand: Operand): { readonly operand: Operand; readonly bytesPerWeight: number } {
  return { operand, bytesPerWeight: operand === "bf16" ? 2 : 1 };
}

/** A MoE layer has no context: one row a batch. */
function contextsOf({ kernel, contexts }: ProjectSettings): readonly number[] {
  return kernel.startsWith("moe.") ? contexts.slice(0, 1) : contexts;
}

function settingText(
  { kernel, tensorParallel, expertParallel }: ProjectSettings,
  batch: number,
  kvTokens: number,
): string {
  if (kernel.startsWith("moe.")) return `batch=${batch} expertParallel=${expertParallel}`;
  return `batch=${batch} kvTokens=${kvTokens} tensorParallel=${tensorParallel}`;
}

/** The attention of most layers that have a cache, seeing all of it where some do. */
function cachedAttention(card: ModelCard): SoftmaxSpec {
  const cached = card.layers.map(({ attention }) => attention).filter((attention) => attention.kind !== "linear");
  const found = cached.find(({ span }) => span.kind === "full") ?? cached[0];
  if (found !== undefined) return found;
  throw new InvalidInputError({ field: "--model", value: card.name, expected: "a model with a KV cache" });
}

function requireMoe(card: ModelCard): MoeFfnSpec {
  const found = moeOf(card);
  if (found !== undefined) return found;
  throw new InvalidInputError({ field: "--model", value: card.name, expected: "a model with experts" });
}

function operandFor(accelerator: Accelerator, precision: ProjectedPrecision): Operand {
  if (precision !== "auto") return precision;
  return accelerator.peakFp8FlopsPerSecond === undefined ? "int8" : "fp8";
}

function kvBitsOf(shape: KernelShape): { readonly kvBits?: number } {
  return "bytesPerKvElement" in shape ? { kvBits: shape.bytesPerKvElement * 8 } : {};
}

/** The one engine whose name is given or holds what is given. */
function engineOf({ engine }: ProjectSettings): string | undefined {
  if (engine === undefined) return undefined;
  const known = engineNames(SHIPPED_CONSTANTS);
  const wanted = engine.trim().toLowerCase();
  const found = known.includes(wanted) ? [wanted] : known.filter((name) => wanted !== "" && name.includes(wanted));
  const [first, second] = found;
  if (first !== undefined && second === undefined) return first;
  const expected =
    second === undefined ? `one of ${known.join("; ")}` : `a part of one name alone (it is in ${found.join("; ")})`;
  throw new InvalidInputError({ field: "--engine", value: engine, expected, known });
}
