/** What a kernel multiplies in; a cache or weights may be stored in another. */
export type Operand = "bf16" | "fp8" | "int8" | "fp4";

/** One decode step's attention core: every query reads the whole cache of its sequence. */
export interface AttentionShape {
  readonly kind: "attention-decode" | "mla-decode";
  readonly batch: number;
  /** Query tokens of a sequence; above 1 where tokens are drafted. */
  readonly queryTokens: number;
  readonly kvTokens: number;
  readonly queryHeads: number;
  /** Of latent attention 1: one row stands for all heads. */
  readonly kvHeads: number;
  /** Width of a key; of latent attention that of the cached row. */
  readonly headDim: number;
  /** Width of a value; of latent attention the latent, which is a part of the cached row. */
  readonly valueDim: number;
  readonly operand: Operand;
  readonly bytesPerKvElement: number;
}

/** One product [m, k] x [k, n] for each of `groups` weight matrices; one group is a plain GEMM. */
export interface ProductShape {
  readonly kind: "gemm" | "grouped-gemm";
  readonly groups: number;
  readonly m: number;
  readonly n: number;
  readonly k: number;
  readonly operand: Operand;
  readonly bytesPerWeight: number;
  /** How many rows the groups have: all `m`, or around `m` as a router deals them (a masked kernel). */
  readonly rows: "even" | "uneven";
}

/** Routed experts of one card: gate, up and down products, activation and sorting; no shared expert. */
export interface MoeShape {
  readonly kind: "moe-fused";
  readonly experts: number;
  readonly localExperts: number;
  readonly topK: number;
  /** Tokens that are routed over all experts. */
  readonly tokens: number;
  readonly hidden: number;
  readonly expertDim: number;
  /** Local experts that get a token. */
  readonly touchedExperts: number;
  /** Token-expert pairs that this card's experts compute. */
  readonly routedTokens: number;
  /** Pairs whose activations the kernel moves: all of the batch, unless they were dispatched before. */
  readonly movedTokens: number;
  readonly operand: Operand;
  readonly bytesPerWeight: number;
  readonly rows: "even" | "uneven";
}

/** A kernel at a shape, in the dimensions that measurements are published in. */
export type KernelShape = AttentionShape | ProductShape | MoeShape;

export type KernelKind = KernelShape["kind"];

/** Every kernel kind, in the order of reports. */
export const KERNEL_KINDS = ["attention-decode", "mla-decode", "gemm", "grouped-gemm", "moe-fused"] as const;

/** What a kernel has to move and to compute. */
export interface KernelWork {
  /** KV cache or weights, each byte once. */
  readonly streamedBytes: number;
  /** Queries and outputs, or rows of the products, read and written once. */
  readonly activationBytes: number;
  /** Multiply-adds as 2; no padding. */
  readonly flops: number;
}

const MULTIPLY_ADD = 2;

/** Activations between kernels are BF16. */
const ACTIVATION_BYTES = 2;

/** Matrices of a gated expert: gate, up and down. */
const EXPERT_MATRICES = 3;

/** Bytes and FLOPs of a kernel. The value product of latent attention is as wide as its latent. */
export function kernelWork(shape: KernelShape): KernelWork {
  switch (shape.kind) {
    case "attention-decode":
    case "mla-decode": {
      const { batch, queryTokens, kvTokens, queryHeads, kvHeads, headDim, valueDim } = shape;
      const cachedElements = shape.kind === "mla-decode" ? headDim : kvHeads * (headDim + valueDim);
      const queries = batch * queryTokens * queryHeads;
      return {
        streamedBytes: batch * kvTokens * cachedElements * shape.bytesPerKvElement,
        activationBytes: queries * (headDim + valueDim) * ACTIVATION_BYTES,
        flops: MULTIPLY_ADD * queries * kvTokens * (headDim + valueDim),
      };
    }
    case "gemm":
    case "grouped-gemm": {
      const { groups, m, n, k, bytesPerWeight } = shape;
      return {
        streamedBytes: groups * n * k * bytesPerWeight,
        activationBytes: groups * m * (k * operandBytes(shape.operand) + n * ACTIVATION_BYTES),
        flops: MULTIPLY_ADD * groups * m * n * k,
      };
    }
    case "moe-fused": {
      const { touchedExperts, routedTokens, movedTokens, hidden, expertDim, bytesPerWeight, operand } = shape;
      const matrix = hidden * expertDim;
      // In, out, and gate, up and their product between them.
      const rowBytes = hidden * (operandBytes(operand) + ACTIVATION_BYTES) + 3 * expertDim * ACTIVATION_BYTES;
      return {
        streamedBytes: touchedExperts * EXPERT_MATRICES * matrix * bytesPerWeight,
        activationBytes: movedTokens * rowBytes,
        flops: MULTIPLY_ADD * EXPERT_MATRICES * routedTokens * matrix,
      };
    }
  }
}

/** Bytes of one element of an operand. */
export function operandBytes(operand: Operand): number {
  switch (operand) {
    case "bf16":
      return 2;
    case "fp8":
    case "int8":
      return 1;
    case "fp4":
      return 0.5;
  }
}

/** Dimensions of a shape under the names that data files and rows give them. */
export function shapeDimensions(shape: KernelShape): Readonly<Record<string, number>> {
  switch (shape.kind) {
    case "attention-decode":
    case "mla-decode": {
      const { batch, queryTokens, kvTokens, queryHeads, kvHeads, headDim } = shape;
      return { batch, ...(queryTokens === 1 ? {} : { queryTokens }), kvTokens, queryHeads, kvHeads, headDim };
    }
    case "gemm":
      return { m: shape.m, n: shape.n, k: shape.k };
    case "grouped-gemm":
      return { localExperts: shape.groups, m: shape.m, n: shape.n, k: shape.k };
    case "moe-fused": {
      const { experts, localExperts, topK, tokens, hidden, expertDim } = shape;
      return { experts, localExperts, topK, tokens, hiddenSize: hidden, expertIntermediateSize: expertDim };
    }
  }
}

/** A shape as text, in the words of the data. */
export function shapeText(shape: KernelShape): string {
  return Object.entries(shapeDimensions(shape))
    .map(([name, value]) => `${name}=${Number(value.toPrecision(6))}`)
    .join(" ");
}
