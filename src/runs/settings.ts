import { type KvDtype, kvFormats } from "../kernels/kvFormat.ts";
import type { BenchDocument } from "../record/schemas.ts";
import type { HardwareItem } from "./hardware.ts";

/** Kernels that `bench` takes by name, each with what it computes, in the order in which they run. */
export const KERNELS = [
  { name: "attention.core", computes: "one decode step over the KV cache, online softmax" },
  { name: "attention.layer", computes: "the whole attention layer: norms, projections, RoPE, append, core, output" },
  { name: "moe.router", computes: "router scores and the model's own top-k rule" },
  { name: "moe.expertMatmul", computes: "one product of an expert, for M tokens" },
  { name: "moe.layer", computes: "the whole MoE layer: router, experts, shared expert, combine" },
  { name: "linear.gemm", computes: "one product [m, k] x [k, n] with packed weights" },
  { name: "wire.quantizeInt8", computes: "rows of a message to int8, a scale a row" },
  { name: "wire.dequantizeInt8", computes: "and back to float32" },
  { name: "wire.quantizeFp8", computes: "rows of a message to FP8 E4M3, a scale for every 128 values" },
  { name: "wire.dequantizeFp8", computes: "and back to float32" },
  { name: "wire.quantizeBf16", computes: "rows of a message to BF16" },
  { name: "wire.dequantizeBf16", computes: "and back to float32" },
  { name: "roof.*", computes: "what this host can do at most: multiply-add, int8 dot, read bandwidth, clock" },
] as const;

export type KernelName = (typeof KERNELS)[number]["name"];

/** Kernels that run when none is named. */
export const DEFAULT_KERNELS: readonly KernelName[] = [
  "attention.core",
  "attention.layer",
  "moe.router",
  "moe.expertMatmul",
  "moe.layer",
  "roof.*",
];

export type Dtype = "f32" | "int8";
/** How weights are stored: f32 is multiplied in f32, the others in int8. */
export type WeightDtype = Dtype | "int4";

export type { KvDtype } from "../kernels/kvFormat.ts";

/** Formats that `bench` takes for the KV cache, each with what it is multiplied in. */
export const KV_DTYPES = (Object.keys(kvFormats) as KvDtype[]).map((name) => ({ name, dtype: kvFormats[name].dtype }));
export type TargetName = "simd" | "relaxed" | "debug";

/** How far a run is. */
export interface ProgressEvent {
  text: string;
  done: number;
  total: number;
}

/** A kernel that converts messages. */
export type WireKernelName = Extract<KernelName, `wire.${string}`>;

/** Kernels at shapes; everything is checked by name already, combinations are not. */
export interface ShapeSettings {
  /** Never empty. */
  kernels: readonly KernelName[];
  /** Catalog name; absent where `configFile` is given. */
  model?: string;
  /** Path of a Hugging Face config.json or a hand-written card. */
  configFile?: string;
  batches: readonly number[];
  /** Cached tokens of each sequence. */
  contexts: readonly number[];
  dtypes: readonly Dtype[];
  /** How the KV cache is stored, each multiplied in one of `dtypes`; absent: as these are. */
  kvDtypes?: readonly KvDtype[];
  /** How experts and single products store their weights; absent: in what they are multiplied in. */
  weightDtypes?: readonly WeightDtype[];
  tokensPerExpert: readonly number[];
  /** Dimensions of moe.expertMatmul and linear.gemm; absent: their own defaults. */
  m?: readonly number[];
  n?: readonly number[];
  k?: readonly number[];
  threads: readonly number[];
  seed: number;
}

/** What `bench` runs. */
export interface BenchSettings extends ShapeSettings {
  /** Absent: the best that this engine has. */
  target?: TargetName;
  /** Has V8 fuse pairs of 128-bit vectors into 256 bits: for all kernels of this process, before the first is compiled. */
  revectorize?: boolean;
  /** Accelerators to project to: names, `all`, or the caller's own; none: those of the Step-3 report. */
  hardware: readonly HardwareItem[];
  quick: boolean;
  /** Samples a row; absent: as many as `minTimeNs` needs, at least 10. */
  repetitions?: number;
  warmups?: number;
  minTimeNs?: number;
  /** Ends the run after the kernel at work; what was measured is kept. */
  signal: AbortSignal;
  onProgress(event: ProgressEvent): void;
  /** Told what a reader should know at once; it stands among the document's notes too. */
  onNotice?(text: string): void;
}

/** What a run of `bench` gives back; `failed` where a kernel was off its reference. */
export interface BenchOutcome {
  document: BenchDocument;
  interrupted: boolean;
  failed: boolean;
}
