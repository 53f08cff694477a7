/**
 * Writes ONNX models in protobuf's wire format: a field is a varint key (number x 8 + wire type), then a varint (wire type 0) or a
 * length and as many bytes (wire type 2). Weights are initializers, so that a runtime may pack them once.
 *
 * @source ONNX onnx/onnx.proto: ModelProto, GraphProto, NodeProto, AttributeProto, TensorProto, ValueInfoProto
 */
export interface OnnxGraph {
  readonly nodes: readonly OnnxNode[];
  /** float32, by name with their dimensions; a dimension given by a name is free. */
  readonly inputs: Readonly<Record<string, readonly (number | string)[]>>;
  readonly outputs: Readonly<Record<string, readonly (number | string)[]>>;
  readonly weights: Readonly<Record<string, OnnxTensor>>;
}

export interface OnnxNode {
  readonly operator: string;
  readonly inputs: readonly string[];
  readonly output: string;
  /** "com.microsoft" for onnxruntime's own operators. */
  readonly domain?: string;
  readonly integers?: Readonly<Record<string, number>>;
}

export interface OnnxTensor {
  readonly dims: readonly number[];
  readonly data: Float32Array | Int8Array | Uint8Array;
}

const irVersion = 8;
const operatorSetVersion = 17;
const floatType = 1;

/** The bytes of a model file. */
export function onnxModel({ nodes, inputs, outputs, weights }: OnnxGraph): Uint8Array {
  const graph = [
    ...nodes.map((node) => nested(1, nodeOf(node))),
    text(2, "graph"),
    ...Object.entries(weights).map(([name, tensor]) => nested(5, tensorOf(name, tensor))),
    ...Object.entries(inputs).map(([name, dims]) => nested(11, valueInfo(name, dims))),
    ...Object.entries(outputs).map(([name, dims]) => nested(12, valueInfo(name, dims))),
  ];
  const sets = ["", "com.microsoft"].map((domain) =>
    nested(8, [text(1, domain), number(2, domain === "" ? operatorSetVersion : 1)]),
  );
  return Buffer.concat([number(1, irVersion), nested(7, graph), ...sets]);
}

function nodeOf({ operator, inputs, output, domain, integers = {} }: OnnxNode): Buffer[] {
  return [
    ...inputs.map((name) => text(1, name)),
    text(2, output),
    text(4, operator),
    // AttributeProto: name, i, type INT.
    ...Object.entries(integers).map(([name, value]) => nested(5, [text(1, name), number(3, value), number(20, 2)])),
    ...(domain === undefined ? [] : [text(7, domain)]),
  ];
}

function tensorOf(name: string, { dims, data }: OnnxTensor): Buffer[] {
  const type = data instanceof Float32Array ? floatType : data instanceof Uint8Array ? 2 : 3;
  const raw = Buffer.from(data.buffer, data.byteOffset, data.byteLength);
  return [...dims.map((dim) => number(1, dim)), number(2, type), text(8, name), bytes(9, raw)];
}

/** ValueInfoProto: name, then a tensor type of float32 and one dimension after the other. */
function valueInfo(name: string, dims: readonly (number | string)[]): Buffer[] {
  const shape = dims.map((dim) => nested(1, [typeof dim === "number" ? number(1, dim) : text(2, dim)]));
  return [text(1, name), nested(2, [nested(1, [number(1, floatType), nested(2, shape)])])];
}

function number(field: number, value: number): Buffer {
  return Buffer.concat([varint(field * 8), varint(value)]);
}

function text(field: number, value: string): Buffer {
  return bytes(field, Buffer.from(value));
}

function nested(field: number, parts: readonly Buffer[]): Buffer {
  return bytes(field, Buffer.concat(parts));
}

function bytes(field: number, content: Buffer): Buffer {
  return Buffer.concat([varint(field * 8 + 2), varint(content.length), content]);
}

function varint(value: number): Buffer {
  const out: number[] = [];
  let rest = value;
  while (rest >= 128) {
    out.push((rest % 128) + 128);
    rest = Math.floor(rest / 128);
  }
  out.push(rest);
  return Buffer.from(out);
}
