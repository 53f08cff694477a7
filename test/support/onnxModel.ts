/**
 * Writes an ONNX model of a few nodes, float32 throughout, in protobuf's wire format: a field is a varint key
 * (number x 8 + wire type), then a varint (wire type 0) or a length and as many bytes (wire type 2).
 *
 * @source ONNX onnx/onnx.proto: ModelProto, GraphProto, NodeProto, ValueInfoProto
 */
export interface OnnxGraph {
  readonly nodes: readonly OnnxNode[];
  /** Names with their dimensions. */
  readonly inputs: Readonly<Record<string, readonly number[]>>;
  readonly outputs: Readonly<Record<string, readonly number[]>>;
}

export interface OnnxNode {
  /** Operator of ONNX's default domain, such as MatMul. */
  readonly operator: string;
  readonly inputs: readonly string[];
  readonly output: string;
}

const irVersion = 8;
const operatorSetVersion = 17;
const float32 = 1;

/** The bytes of a model file. */
export function onnxModel({ nodes, inputs, outputs }: OnnxGraph): Uint8Array {
  const graph = [
    ...nodes.map(({ operator, inputs: names, output }) =>
      nested(1, [...names.map((name) => text(1, name)), text(2, output), text(4, operator)]),
    ),
    text(2, "graph"),
    ...Object.entries(inputs).map(([name, dims]) => nested(11, tensorInfo(name, dims))),
    ...Object.entries(outputs).map(([name, dims]) => nested(12, tensorInfo(name, dims))),
  ];
  const operatorSet = [text(1, ""), number(2, operatorSetVersion)];
  return Uint8Array.from([number(1, irVersion), nested(7, graph), nested(8, operatorSet)].flat());
}

/** ValueInfoProto: name, then a tensor type of float32 and one dimension after the other. */
function tensorInfo(name: string, dims: readonly number[]): number[][] {
  const shape = dims.map((dim) => nested(1, [number(1, dim)]));
  const tensorType = [number(1, float32), nested(2, shape)];
  return [text(1, name), nested(2, [nested(1, tensorType)])];
}

function number(field: number, value: number): number[] {
  return [...varint(field * 8), ...varint(value)];
}

function text(field: number, value: string): number[] {
  return bytes(field, [...new TextEncoder().encode(value)]);
}

function nested(field: number, parts: readonly number[][]): number[] {
  return bytes(field, parts.flat());
}

function bytes(field: number, content: readonly number[]): number[] {
  return [...varint(field * 8 + 2), ...varint(content.length), ...content];
}

/** Seven bits a byte, the lowest first; the top bit says that more follow. */
function varint(value: number): number[] {
  return value < 128 ? [value] : [(value % 128) + 128, ...varint(Math.floor(value / 128))];
}
