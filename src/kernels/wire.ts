import { allocateRows, fillRows, type Rows, readRow } from "./activations.ts";
import { type Arena, createArena } from "./arena.ts";
import type { Check, KernelCase } from "./case.ts";
import { checkDimensions } from "./dimensions.ts";
import { type KernelExports, kernelFunction } from "./exports.ts";
import { rowSteps } from "./linear.ts";
import { call, type Step } from "./program.ts";
import { bf16Code, bf16Value, fp8Block, fp8Value, int8Row } from "./reference/wire.ts";

/** What a message between attention and FFN holds its values in. */
export type WireFormat = "int8" | "fp8" | "bf16";

/** Rows of float32 to a message, or a message back to rows. */
export interface WireShape {
  readonly format: WireFormat;
  readonly direction: "quantize" | "dequantize";
  readonly rows: number;
  readonly width: number;
  /** Values of a row that share a scale, for fp8; int8 has one scale a row, bf16 none. */
  readonly block: number;
  readonly seed: number;
}

/** How a message holds its rows. */
export type MessageShape = Pick<WireShape, "format" | "width" | "block">;

/** A message in memory: rows of codes, and their scales apart. */
export interface Message {
  readonly shape: MessageShape;
  readonly address: number;
  readonly strideBytes: number;
  /** Address of the scales; not read where the format has none. */
  readonly scales: number;
}

/** Conversion of rows between float32 and a message's format; results are compared bit by bit. */
export function wireCase(shape: WireShape): KernelCase {
  const { rows, width, block, direction, seed } = shape;
  checkDimensions({ rows, width, block });
  const arena = createArena();
  const isQuantize = direction === "quantize";
  const x = allocateRows(arena, isQuantize ? "x" : "source", rows, width);
  const message = allocateMessage(arena, shape);
  const y = isQuantize ? undefined : allocateRows(arena, "y", rows, width);
  return {
    work: { term: "message", products: [], tensors: [] },
    buffers: arena.buffers,
    totalBytes: arena.totalBytes(),
    segmentWeights: [1],
    prepare(exports) {
      fillRows(exports, x, seed, 1);
      if (!isQuantize) runStep(exports, quantizeStep(x, message, 0, rows));
    },
    steps: (rank, ranks) =>
      rowSteps(rows, rank, ranks, ({ first, last }) =>
        y === undefined ? quantizeStep(x, message, first, last) : dequantizeStep(message, y, first, last),
      ),
    check: (memory) => checkRows(memory, x, message, y, rows),
  };
}

/** Bytes that one call reads and writes: float32 rows on one side, codes and scales on the other. */
export function wireBytes({ format, rows, width, block }: WireShape): number {
  return rows * (width * (4 + bytesPerCode(format)) + 4 * scalesPerRow(format, width, block));
}

function allocateMessage(arena: Arena, shape: WireShape): Message {
  const { codes: strideBytes, scales: scaleBytes } = messageRowBytes(shape);
  const { address } = arena.allocate("message", "activations", shape.rows * strideBytes);
  const scales = arena.allocate("scales", "activations", shape.rows * scaleBytes).address;
  return { shape, address, strideBytes, scales };
}

/** Bytes of a row's codes, padded to whole vectors, and of its scales. */
export function messageRowBytes({ format, width, block }: MessageShape): {
  readonly codes: number;
  readonly scales: number;
} {
  return {
    codes: Math.ceil((width * bytesPerCode(format)) / 16) * 16,
    scales: scalesPerRow(format, width, block) * 4,
  };
}

function bytesPerCode(format: WireFormat): number {
  return format === "bf16" ? 2 : 1;
}

function scalesPerRow(format: WireFormat, width: number, block: number): number {
  switch (format) {
    case "int8":
      return 1;
    case "fp8":
      return Math.ceil(width / block);
    case "bf16":
      return 0;
  }
}

const kernels = {
  int8: { quantize: "quantizeInt8Rows", dequantize: "dequantizeInt8Rows" },
  fp8: { quantize: "quantizeFp8Rows", dequantize: "dequantizeFp8Rows" },
  bf16: { quantize: "quantizeBf16Rows", dequantize: "dequantizeBf16Rows" },
} as const;

/** Rows first..last (exclusive) of x to the message. */
export function quantizeStep(x: Rows, message: Message, first: number, last: number): Step {
  const from = [x.address, x.strideBytes];
  return call(
    kernels[message.shape.format].quantize,
    ...from,
    ...messageArguments(message),
    ...range(message, first, last),
  );
}

/** Rows first..last (exclusive) of the message to y. */
export function dequantizeStep(message: Message, y: Rows, first: number, last: number): Step {
  const to = [y.address, y.strideBytes];
  return call(
    kernels[message.shape.format].dequantize,
    ...messageArguments(message),
    ...to,
    ...range(message, first, last),
  );
}

function messageArguments({ shape, address, strideBytes, scales }: Message): number[] {
  return [address, strideBytes, ...(shape.format === "bf16" ? [] : [scales])];
}

function range({ shape: { format, width, block } }: Message, first: number, last: number): number[] {
  return [first, last, width, ...(format === "fp8" ? [block] : [])];
}

function runStep(exports: KernelExports, step: Step): void {
  if (step.kind === "call") kernelFunction(exports, step.name)(...step.args);
}

function checkRows(memory: WebAssembly.Memory, x: Rows, message: Message, y: Rows | undefined, rows: number): Check {
  let wrong = 0;
  let compared = 0;
  const compareAll = (actual: ArrayLike<number>, expected: ArrayLike<number>): void => {
    compared += expected.length;
    for (let i = 0; i < expected.length; i++) if (!Object.is(actual[i], expected[i])) wrong++;
  };
  for (let row = 0; row < rows; row++) {
    const source = readRow(memory, x, row);
    const { codes, scales, values } = messageOf(source, message.shape);
    if (y !== undefined) compareAll(readRow(memory, y, row), values);
    else {
      compareAll(codesOf(memory, message, row), codes);
      compareAll(new Float32Array(memory.buffer, message.scales + row * scales.length * 4, scales.length), scales);
    }
  }
  return { ok: wrong === 0, maxErrorFraction: wrong === 0 ? 0 : 1 + wrong / compared, compared };
}

function codesOf(memory: WebAssembly.Memory, { shape, address, strideBytes }: Message, row: number): ArrayLike<number> {
  const at = address + row * strideBytes;
  switch (shape.format) {
    case "int8":
      return new Int8Array(memory.buffer, at, shape.width);
    case "fp8":
      return new Uint8Array(memory.buffer, at, shape.width);
    case "bf16":
      return new Uint16Array(memory.buffer, at, shape.width);
  }
}

/** What a row becomes as a message, and what the message becomes again. */
function messageOf(x: Float64Array, { format, block }: MessageShape) {
  switch (format) {
    case "bf16": {
      const codes = Array.from(x, bf16Code);
      return { codes, scales: [], values: codes.map(bf16Value) };
    }
    case "int8": {
      const { codes, scale } = int8Row(x);
      return { codes, scales: [scale], values: Array.from(codes, (code) => Math.fround(code * scale)) };
    }
    case "fp8": {
      const blocks = Array.from({ length: Math.ceil(x.length / block) }, (_, index) =>
        fp8Block(x.slice(index * block, (index + 1) * block)),
      );
      return {
        codes: blocks.flatMap(({ codes }) => [...codes]),
        scales: blocks.map(({ scale }) => scale),
        values: blocks.flatMap(({ codes, scale }) => Array.from(codes, (code) => Math.fround(fp8Value(code) * scale))),
      };
    }
  }
}
