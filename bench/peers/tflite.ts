import { Builder } from "flatbuffers";

/** Types of tensors, as TFLite numbers them. */
export const tensorType = { f32: 0, int8: 9, int4: 17 } as const;

/** A tensor of a model: an input, a result, or a constant where `data` is given. */
export interface TfliteTensor {
  readonly name: string;
  readonly shape: readonly number[];
  readonly type: keyof typeof tensorType;
  readonly data?: Uint8Array;
  /** One scale a row of a quantized constant (dimension 0). */
  readonly scales?: Float32Array;
}

/** Operators that the rows of the bench need. */
export type TfliteOperator =
  | { readonly kind: "fullyConnected"; readonly inputs: readonly number[]; readonly output: number }
  | {
      readonly kind: "batchMatMul";
      readonly inputs: readonly number[];
      readonly output: number;
      readonly transposeRight: 0 | 1;
    }
  | {
      readonly kind: "softmax" | "logistic" | "mul" | "add";
      readonly inputs: readonly number[];
      readonly output: number;
    };

export interface TfliteGraph {
  readonly tensors: readonly TfliteTensor[];
  readonly operators: readonly TfliteOperator[];
  readonly inputs: readonly number[];
  readonly outputs: readonly number[];
}

/** Number of each operator and of the union member that holds its options (0: none). */
const operatorCodes = {
  add: { code: 0, options: 11 },
  fullyConnected: { code: 9, options: 8 },
  logistic: { code: 14, options: 0 },
  mul: { code: 18, options: 21 },
  softmax: { code: 25, options: 9 },
  batchMatMul: { code: 126, options: 101 },
} as const;

/**
 * The bytes of a .tflite model: a flatbuffer of one subgraph. Fields are written by their number in the schema.
 *
 * @source TensorFlow Lite schema.fbs, version 3: Model, OperatorCode, SubGraph, Tensor, QuantizationParameters, Operator, Buffer
 */
export function tfliteModel({ tensors, operators, inputs, outputs }: TfliteGraph): Uint8Array {
  const constants = tensors.flatMap(({ data }) => (data === undefined ? [] : [data]));
  const builder = new Builder(constants.reduce((sum, data) => sum + data.length + 64, 65536));
  const kinds = [...new Set(operators.map(({ kind }) => kind))];

  // Buffer 0 is empty by convention.
  const buffers = [undefined, ...constants].map((data) => table(builder, [data && { offset: bytes(builder, data) }]));
  let nextBuffer = 1;
  const tensorTables = tensors.map(({ name, shape, type, data, scales }) => {
    const quantization = scales && {
      offset: table(builder, [
        undefined,
        undefined,
        { offset: vector(builder, 4, [...scales], (value) => builder.addFloat32(value)) },
        { offset: vector(builder, 8, [...scales], () => builder.addInt64(0n)) },
      ]),
    };
    return table(builder, [
      { offset: int32s(builder, shape) },
      { int8: tensorType[type] },
      { int32: data === undefined ? 0 : nextBuffer++ },
      { offset: builder.createString(name) },
      quantization,
    ]);
  });
  const operatorTables = operators.map((operator) =>
    table(builder, [
      { int32: kinds.indexOf(operator.kind) },
      { offset: int32s(builder, operator.inputs) },
      { offset: int32s(builder, [operator.output]) },
      ...optionsOf(builder, operator),
    ]),
  );
  const subgraph = table(builder, [
    { offset: offsets(builder, tensorTables) },
    { offset: int32s(builder, inputs) },
    { offset: int32s(builder, outputs) },
    { offset: offsets(builder, operatorTables) },
    { offset: builder.createString("main") },
  ]);
  const codes = kinds.map((kind) => {
    const { code } = operatorCodes[kind];
    const version = kind === "fullyConnected" ? 5 : 1;
    return table(builder, [{ int8: Math.min(code, 127) }, undefined, { int32: version }, { int32: code }]);
  });
  const model = table(builder, [
    { int32: 3 },
    { offset: offsets(builder, codes) },
    { offset: offsets(builder, [subgraph]) },
    { offset: builder.createString("afdbench") },
    { offset: offsets(builder, buffers) },
  ]);
  builder.finish(model, "TFL3");
  return builder.asUint8Array();
}

type Field = { readonly offset: number } | { readonly int32: number } | { readonly int8: number } | undefined;

/** A table of fields in the order of the schema; a field that is undefined is left out. */
function table(builder: Builder, fields: readonly Field[]): number {
  builder.startObject(fields.length);
  for (const [index, field] of fields.entries()) {
    if (field === undefined) continue;
    if ("offset" in field) builder.addFieldOffset(index, field.offset, 0);
    else if ("int32" in field) builder.addFieldInt32(index, field.int32, 0);
    else builder.addFieldInt8(index, field.int8, 0);
  }
  return builder.endObject();
}

function optionsOf(builder: Builder, operator: TfliteOperator): Field[] {
  const { options } = operatorCodes[operator.kind];
  if (options === 0) return [];
  return [{ int8: options }, { offset: optionsTable(builder, operator) }];
}

function optionsTable(builder: Builder, operator: TfliteOperator): number {
  switch (operator.kind) {
    case "softmax":
      builder.startObject(1);
      builder.addFieldFloat32(0, 1, 0);
      return builder.endObject();
    case "batchMatMul":
      return table(builder, [undefined, { int8: operator.transposeRight }]);
    case "fullyConnected":
      // Fused activation none, default weights format, dimensions kept.
      return table(builder, [undefined, undefined, { int8: 1 }]);
    case "logistic":
    case "mul":
    case "add":
      return table(builder, [undefined]);
  }
}

function vector<Value>(builder: Builder, size: number, values: readonly Value[], add: (value: Value) => void): number {
  builder.startVector(size, values.length, size);
  for (const value of values.toReversed()) add(value);
  return builder.endVector();
}

function int32s(builder: Builder, values: readonly number[]): number {
  return vector(builder, 4, values, (value) => builder.addInt32(value));
}

function offsets(builder: Builder, values: readonly number[]): number {
  return vector(builder, 4, values, (value) => builder.addOffset(value));
}

/** A vector of bytes that begins at a multiple of 16, as the schema asks for constants. */
function bytes(builder: Builder, data: Uint8Array): number {
  builder.prep(16, data.length);
  return builder.createByteVector(data);
}
