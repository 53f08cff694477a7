import type { Buffer } from "../kernels/arena.ts";
import type { KernelCase } from "../kernels/case.ts";
import { createMemory, instantiateKernels, type KernelModule } from "../kernels/load.ts";
import type { Target } from "../kernels/target.ts";
import type { CacheGeometry } from "../measure/cacheModel.ts";
import { byteCauses, type Cause, flopCauses, workOfTerm } from "../measure/causes.ts";
import { type Traffic, traceCase } from "../measure/counting.ts";
import { type CountedPart, countParts, totalCounts } from "../measure/countParts.ts";
import type {
  IntensityCauseRow,
  IntensityKernelRow,
  IntensityRangeRow,
  IntensityRow,
  IntensityTermRow,
} from "../record/intensityRows.ts";
import { failure } from "./benchRow.ts";
import { scaleBetween } from "./benchTrace.ts";
import { reasonText, unexplainedFraction } from "./intensityReason.ts";
import type { ModeledTerm, PlannedRow } from "./plannedRow.ts";

/** What every row of a run is counted with. */
export interface Counter {
  readonly target: Target;
  readonly kernels: KernelModule;
  readonly cache: CacheGeometry;
}

/** Counts and traces one planned row: the kernel at its shape, then its terms, their ranges of memory, and the causes of differences. */
export function countRow(counter: Counter, planned: PlannedRow): IntensityRow[] {
  const { threads: _, ...fields } = planned.fields;
  const { flops, valueBytes } = planned.modeled;
  const base = {
    row: "kernel" as const,
    kind: "measured" as const,
    ...fields,
    target: counter.target,
    ...(valueBytes === 0
      ? {}
      : { modeledFlops: flops, modeledBytes: valueBytes, modeledFlopsPerByte: flops / valueBytes }),
  };
  if (planned.build === undefined) {
    const reason = planned.unsupported === undefined ? {} : { statusReason: planned.unsupported };
    return [
      { ...base, status: "unsupported", ...reason },
      ...planned.terms.map((term) => modeledTermRow(planned, term)),
    ];
  }
  try {
    const counted = countCaseOf(counter, planned, planned.build());
    if (counted === undefined) {
      const statusReason = "an output is farther from the float64 reference than the tolerance";
      return [{ ...base, status: "failedCheck", statusReason }];
    }
    const terms = countedTerms(planned, counted, counter.cache.lineBytes);
    return [{ ...base, status: "ok", ...kernelNumbers(planned, counted, terms) }, ...terms.flatMap(({ rows }) => rows)];
  } catch (error) {
    return [{ ...base, ...failure(error) }];
  }
}

interface Counted {
  readonly kernelCase: KernelCase;
  readonly parts: readonly CountedPart[];
  readonly traffic: Traffic;
  /** What was traced, where that is not the row itself. */
  readonly traceShape: string | undefined;
}

/** Undefined where the outputs are off: no numbers without a right answer. */
function countCaseOf(
  { target, kernels, cache }: Counter,
  planned: PlannedRow,
  kernelCase: KernelCase,
): Counted | undefined {
  const memory = createMemory(kernelCase.totalBytes);
  kernelCase.prepare(instantiateKernels(kernels, memory), memory);
  const parts = countParts(target, kernelCase, memory);
  if (!kernelCase.check(memory).ok) return undefined;
  const trace = planned.trace?.() ?? { kernelCase };
  const scaleOf = scaleBetween(kernelCase, trace.kernelCase, cache.lineBytes);
  const traffic = traceCase(target, { kernelCase: trace.kernelCase, scaleOf }, cache);
  return { kernelCase, parts, traffic, traceShape: trace.shape };
}

interface CountedTerm {
  readonly rows: readonly IntensityRow[];
  readonly causes: readonly Cause[];
}

function kernelNumbers(
  { modeled }: PlannedRow,
  { parts, traffic, traceShape }: Counted,
  terms: readonly CountedTerm[],
): Partial<IntensityKernelRow> {
  const { matrixFlops, matrixInt8Ops: int8Ops, elementwiseFlops, conversions } = totalCounts(parts);
  const counts = { matrixFlops, int8Ops, elementwiseFlops, conversions };
  const traced = traceShape === undefined ? {} : { traceShape };
  if (traffic.missedBytes === 0 || modeled.valueBytes === 0) return { ...counts, ...traced };
  const measuredFlopsPerByte = (matrixFlops + int8Ops) / traffic.missedBytes;
  const ratio = measuredFlopsPerByte / (modeled.flops / modeled.valueBytes);
  const causes = terms
    .flatMap((term) => term.causes)
    .filter(({ quantity }) => quantity !== "elementwiseFlops")
    .map((cause) => ({ ...cause, fraction: cause.amount / (isFlops(cause) ? modeled.flops : modeled.valueBytes) }));
  return {
    ...counts,
    ...traced,
    measuredBytes: traffic.missedBytes,
    measuredFlopsPerByte,
    ratio,
    reason: reasonText(ratio, causes),
    unexplainedFraction: unexplainedFraction(causes),
  };
}

/** Every term with a formula, then those that no formula counts; with its ranges and causes. */
function countedTerms(planned: PlannedRow, counted: Counted, lineBytes: number): CountedTerm[] {
  const names = new Set([...planned.terms, ...counted.parts].map(({ term }) => term));
  return [...names].map((term) => {
    const modeled = planned.terms.find((each) => each.term === term) ?? { term, flops: 0, kvBytes: 0, weightBytes: 0 };
    const parts = counted.parts.filter((part) => part.term === term);
    const work = workOfTerm(counted.kernelCase, term);
    const causes = [
      ...flopCauses(modeled, work, parts),
      ...byteCauses("kv", modeled.kvBytes, work.tensors, counted.traffic, lineBytes),
      ...byteCauses("weights", modeled.weightBytes, work.tensors, counted.traffic, lineBytes),
    ];
    return {
      causes,
      rows: [
        termRow(planned, modeled, parts, counted, causes),
        ...rangeRows(planned, modeled, parts, counted, causes),
        ...causes.map((cause) => causeRow(planned, modeled, cause)),
      ],
    };
  });
}

function modeledTermRow({ fields }: PlannedRow, { term, flops, kvBytes, weightBytes }: ModeledTerm): IntensityTermRow {
  const bytes = kvBytes + weightBytes;
  return {
    ...{ row: "term", ...joined(fields), term },
    ...(flops === 0 ? {} : { modeledFlops: flops }),
    ...(flops === 0 || bytes === 0 ? {} : { modeledFlopsPerByte: flops / bytes }),
  };
}

function termRow(
  planned: PlannedRow,
  modeled: ModeledTerm,
  parts: readonly CountedPart[],
  counted: Counted,
  causes: readonly Cause[],
): IntensityTermRow {
  const { matrixFlops, matrixInt8Ops: int8Ops, elementwiseFlops, conversions } = totalCounts(parts);
  const row = { ...modeledTermRow(planned, modeled), matrixFlops, int8Ops, elementwiseFlops, conversions };
  const bytes = memoryBytes(counted, modeled.term, "kv") + memoryBytes(counted, modeled.term, "weights");
  const measured = matrixFlops + int8Ops === 0 || bytes === 0 ? undefined : (matrixFlops + int8Ops) / bytes;
  const flopsRatio = modeled.flops === 0 ? undefined : (matrixFlops + int8Ops + elementwiseFlops) / modeled.flops;
  const own = causes.filter(isFlops).map((cause) => ({ ...cause, fraction: cause.amount / modeled.flops }));
  return {
    ...row,
    ...(flopsRatio === undefined ? {} : { flopsRatio, reason: reasonText(flopsRatio, own) }),
    ...(measured === undefined ? {} : { measuredFlopsPerByte: measured }),
    ...(measured === undefined || row.modeledFlopsPerByte === undefined
      ? {}
      : { ratio: measured / row.modeledFlopsPerByte }),
  };
}

const RANGES = ["kv", "weights", "activations", "scratch"] as const;

/** Ranges that the term touches. */
function rangeRows(
  { fields }: PlannedRow,
  modeled: ModeledTerm,
  parts: readonly CountedPart[],
  counted: Counted,
  causes: readonly Cause[],
): IntensityRangeRow[] {
  return RANGES.flatMap((range) => {
    const { loadBytes, storeBytes } = touched(counted.kernelCase.buffers, parts, range);
    const modeledBytes = range === "kv" ? modeled.kvBytes : range === "weights" ? modeled.weightBytes : 0;
    if (loadBytes + storeBytes + modeledBytes === 0) return [];
    const row = {
      ...{ row: "range" as const, ...joined(fields), term: modeled.term, range },
      ...(modeledBytes === 0 ? {} : { modeledBytes }),
      ...{ loadedBytes: loadBytes, storedBytes: storeBytes },
    };
    if (range === "activations" || range === "scratch") return [row];
    const measuredBytes = memoryBytes(counted, modeled.term, range);
    if (modeledBytes === 0) return [{ ...row, measuredBytes }];
    const quantity = range === "kv" ? "kvBytes" : "weightBytes";
    const own = causes
      .filter((cause) => cause.quantity === quantity)
      .map((cause) => ({ ...cause, fraction: cause.amount / modeledBytes }));
    const ratio = measuredBytes / modeledBytes;
    return [{ ...row, measuredBytes, ratio, reason: reasonText(ratio, own) }];
  });
}

/** Bytes of one kind of memory; the module's own data stands with scratch. */
function touched(buffers: readonly Buffer[], parts: readonly CountedPart[], kind: Buffer["kind"]) {
  let [loadBytes, storeBytes] = [0, 0];
  for (const part of parts) {
    const own = part.buffers.filter((_, index) => buffers[index]?.kind === kind);
    for (const bytes of kind === "scratch" ? [...own, part.ownData] : own) {
      loadBytes += bytes.loadBytes;
      storeBytes += bytes.storeBytes;
    }
  }
  return { loadBytes, storeBytes };
}

/** Bytes of a term's KV cache or weights that came from memory. */
function memoryBytes({ kernelCase, traffic }: Counted, term: string, kind: "kv" | "weights"): number {
  const own = workOfTerm(kernelCase, term).tensors.filter((tensor) => tensor.kind === kind);
  const names = new Set(own.map(({ buffer }) => buffer));
  return traffic.buffers.reduce((sum, { name, missedBytes }) => sum + (names.has(name) ? missedBytes : 0), 0);
}

function causeRow(
  { fields }: PlannedRow,
  modeled: ModeledTerm,
  { quantity, cause, detail, amount }: Cause,
): IntensityCauseRow {
  const base =
    quantity === "kvBytes" ? modeled.kvBytes : quantity === "weightBytes" ? modeled.weightBytes : modeled.flops;
  return {
    ...{ row: "cause", ...joined(fields), term: modeled.term, quantity, cause },
    ...(detail === "" ? {} : { detail }),
    amount,
    ...(base === 0 ? {} : { fraction: amount / base }),
  };
}

function joined({ kernel, shape, dtype }: PlannedRow["fields"]) {
  return { kind: "measured" as const, kernel, shape, dtype };
}

function isFlops({ quantity }: Cause): boolean {
  return quantity === "productFlops" || quantity === "elementwiseFlops";
}
