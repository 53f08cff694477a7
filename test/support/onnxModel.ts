/**
 * Writes an ONNX model of a few nodes, float32 but for inputs said otherwise, in protobuf's wire format: a field is a varint key
 * (number x 8 + wire type), then a varint (wire type 0), a length and as many bytes (wire type 2), or four bytes (wire type 5).
 *
 * @source ONNX onnx/onnx.proto: ModelProto, GraphProto, NodeProto, AttributeProto, ValueInfoProto
 */
export interface OnnxGraph {
  readonly nodes: readonly OnnxNode[];
  /** Names with their dimensions. */
  readonly inputs: Readonly<Record<string, readonly number[]>>;
  readonly outputs: Readonly<Record<string, readonly number[]>>;
  /** Element types of inputs and outputs that are not float32. */
  readonly types?: Readonly<Record<string, OnnxType>>;
}

export interface OnnxNode {
  /** Operator of ONNX's default domain, such as MatMul, or of `domain`. */
  readonly operator: string;
  readonly domain?: string;
  readonly inputs: readonly string[];
  readonly output: string;
  /** Outputs after the first. */
  readonly moreOutputs?: readonly string[];
  /** Whole numbers, texts, or float32 as `{ float }`. */
  readonly attributes?: Readonly<Record<string, number | string | { readonly float: number }>>;
}

/** TensorProto.DataType, also what the attribute `to` of Cast takes. */
export const onnxTypes = { float32: 1, int8: 3, int64: 7, bfloat16: 16, float8e4m3fn: 17 } as const;
export type OnnxType = keyof typeof onnxTypes;

const irVersion = 9;
/** The first with float8 in Cast. */
const operatorSetVersion = 19;
/** AttributeProto.AttributeType. */
const attributeTypes = { float: 1, int: 2, string: 3 } as const;

/** The bytes of a model file. */
export function onnxModel({ nodes, inputs, outputs, types = {} }: OnnxGraph): Uint8Array {
  const typeOf = (name: string): number => onnxTypes[types[name] ?? "float32"];
  const graph = [
    ...nodes.map((node) => nested(1, nodeFields(node))),
    text(2, "graph"),
    ...Object.entries(inputs).map(([name, dims]) => nested(11, tensorInfo(name, dims, typeOf(name)))),
    ...Object.entries(outputs).map(([name, dims]) => nested(12, tensorInfo(name, dims, typeOf(name)))),
  ];
  const domains = new Set(nodes.flatMap(({ domain }) => domain ?? []));
  const operatorSets = [
    [text(1, ""), number(2, operatorSetVersion)],
    ...[...domains].map((domain) => [text(1, domain), number(2, 1)]),
  ];
  return Uint8Array.from([number(1, irVersion), nested(7, graph), ...operatorSets.map((set) => nested(8, set))].flat());
}

function nodeFields({ operator, domain, inputs, output, moreOutputs = [], attributes = {} }: OnnxNode): number[][] {
  return [
    ...inputs.map((name) => text(1, name)),
    ...[output, ...moreOutputs].map((name) => text(2, name)),
    text(4, operator),
    ...Object.entries(attributes).map(([name, value]) => nested(5, [text(1, name), ...attributeValue(value)])),
    ...(domain === undefined ? [] : [text(7, domain)]),
  ];
}

function attributeValue(value: number | string | { readonly float: number }): number[][] {
  if (typeof value === "number") return [number(3, value), number(20, attributeTypes.int)];
  if (typeof value === "string") return [text(4, value), number(20, attributeTypes.string)];
  return [
    [...varint(2 * 8 + 5), ...new Uint8Array(Float32Array.of(value.float).buffer)],
    number(20, attributeTypes.float),
  ];
}

/** ValueInfoProto: name, then a tensor type of one element type and one dimension after the other. */
function tensorInfo(name: string, dims: readonly number[], elementType: number): number[][] {
  const shape = dims.map((dim) => nested(1, [number(1, dim)]));
  const tensorType = [number(1, elementType), nested(2, shape)];
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
