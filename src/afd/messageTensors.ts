import { allocateRows, type Rows } from "../kernels/activations.ts";
import type { Arena, Buffer } from "../kernels/arena.ts";
import { call, type Share, type Step } from "../kernels/program.ts";
import { dequantizeStep, type Message, messageRowBytes, quantizeStep } from "../kernels/wire.ts";
import { topKOf } from "./decodeModel.ts";
import { type DecodeWork, fp8Block, type MessageFormat } from "./decodeWork.ts";
import type { WireTensor } from "./stages.ts";

/** Rows as they travel: float32 as they are, or codes and their scales. */
export type MessageRows =
  | { readonly kind: "f32"; readonly rows: Rows }
  | { readonly kind: "coded"; readonly message: Message };

/** What goes from attention to FFN for one micro-batch; ids and weights are absent where no layer has experts. */
export interface TokenTensors {
  readonly tokens: MessageRows;
  readonly expertIds: Buffer | undefined;
  readonly expertWeights: Buffer | undefined;
  readonly wire: readonly WireTensor[];
}

/** What comes back from one FFN instance. */
export interface SumTensors {
  readonly sums: MessageRows;
  readonly wire: readonly WireTensor[];
}

/** Lays out a micro-batch's tokens, ids and weights for `rows` sequences. */
export function allocateTokens(arena: Arena, { model, messages }: DecodeWork, rows: number): TokenTensors {
  const tokens = allocateMessageRows(arena, messages.a2f, rows, model.hidden, { codes: "tokens", scales: "scales" });
  const topK = topKOf(model);
  if (topK === 0) return { tokens: tokens.rows, expertIds: undefined, expertWeights: undefined, wire: tokens.wire };
  const slots = (key: string): { readonly buffer: Buffer; readonly tensor: WireTensor } => {
    const buffer = arena.allocate(key, "activations", rows * topK * 4);
    return { buffer, tensor: { key, address: buffer.address, rowBytes: topK * 4, rows, layers: "moe" } };
  };
  const ids = slots("expertIds");
  const weights = slots("expertWeights");
  return {
    tokens: tokens.rows,
    expertIds: ids.buffer,
    expertWeights: weights.buffer,
    wire: [...tokens.wire, ids.tensor, weights.tensor],
  };
}

/** Lays out the partial sums of `rows` sequences. */
export function allocateSums(arena: Arena, { model, messages }: DecodeWork, rows: number): SumTensors {
  const keys = { codes: "partialSums", scales: "partialScales" };
  const { rows: sums, wire } = allocateMessageRows(arena, messages.f2a, rows, model.hidden, keys);
  return { sums, wire };
}

function allocateMessageRows(
  arena: Arena,
  format: MessageFormat,
  rows: number,
  width: number,
  keys: { readonly codes: string; readonly scales: string },
): { readonly rows: MessageRows; readonly wire: readonly WireTensor[] } {
  if (format === "f32") {
    const plain = allocateRows(arena, keys.codes, rows, width);
    const { address, strideBytes } = plain;
    const tensor = { key: keys.codes, address, rowBytes: strideBytes, rows, layers: "all" } as const;
    return { rows: { kind: "f32", rows: plain }, wire: [tensor] };
  }
  const shape = { format, width, block: fp8Block };
  const bytes = messageRowBytes(shape);
  const { address } = arena.allocate(keys.codes, "activations", rows * bytes.codes);
  const scales = arena.allocate(keys.scales, "activations", rows * bytes.scales).address;
  const codes = { key: keys.codes, address, rowBytes: bytes.codes, rows, layers: "all" } as const;
  const scaleTensor = { key: keys.scales, address: scales, rowBytes: bytes.scales, rows, layers: "all" } as const;
  return {
    rows: { kind: "coded", message: { shape, address, strideBytes: bytes.codes, scales } },
    wire: bytes.scales === 0 ? [codes] : [codes, scaleTensor],
  };
}

/** Where rows that become a message are made: in the message itself, or in `plain`, from which they are quantized. */
export function madeIn(message: MessageRows, plain: Rows): Rows {
  return message.kind === "f32" ? message.rows : plain;
}

/** Quantizes a share of `plain`; nothing to do where the rows were made in the message. */
export function sendSteps(plain: Rows, message: MessageRows, { first, last }: Share): Step[] {
  return message.kind === "f32" || first === last ? [] : [quantizeStep(plain, message.message, first, last)];
}

/** Brings a share of a message back to float32; nothing to do where it is that already (`madeIn` says where it lies). */
export function receiveSteps(message: MessageRows, plain: Rows, { first, last }: Share): Step[] {
  return message.kind === "f32" || first === last ? [] : [dequantizeStep(message.message, plain, first, last)];
}

/** y += the rows of a message, for a share of them; `plain` takes them in between. */
export function addMessageSteps(message: MessageRows, plain: Rows, y: Rows, share: Share): Step[] {
  const { first, last } = share;
  if (first === last) return [];
  const from = madeIn(message, plain);
  const add = call("addRows", from.address, from.strideBytes, y.address, y.strideBytes, first, last, y.width);
  return [...receiveSteps(message, plain, share), add];
}
