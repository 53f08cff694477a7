import type { KernelCase } from "../kernels/case.ts";
import {
  type CaseWork,
  lineBytesOf,
  type PartialTerm,
  type Product,
  productFlops,
  type StoredTensor,
  touchedBytes,
} from "../kernels/work.ts";
import type { Traffic } from "./counting.ts";
import type { CountedPart } from "./countParts.ts";

/** What the formulas say of a term. */
export interface ModeledWork {
  readonly flops: number;
  readonly kvBytes: number;
  readonly weightBytes: number;
}

/** What a cause changes: FLOPs of products, FLOPs beside them, or bytes from memory. */
export type Quantity = "productFlops" | "elementwiseFlops" | "kvBytes" | "weightBytes";

/** Why counted work differs from modeled work, and by how much: positive where more is executed or moved than the formula says. */
export interface Cause {
  readonly quantity: Quantity;
  readonly cause: CauseName;
  /** The extents or functions that it was found in. */
  readonly detail: string;
  readonly amount: number;
}

export type CauseName =
  | "value width"
  | "rows"
  | "padding"
  | "softmax"
  | "norm"
  | "RoPE"
  | "activation"
  | "packing"
  | "scaling"
  | "routing"
  | "sums"
  | "elsewhere"
  | "scales"
  | "vectors"
  | "partial lines"
  | "read again"
  | "unexplained";

/** What the elementwise FLOPs of a kernel's function are for. */
const PURPOSES: readonly { readonly cause: CauseName; readonly kernels: RegExp }[] = [
  { cause: "softmax", kernels: /^(attention|mergeAttention|finishAttention)/ },
  { cause: "norm", kernels: /^rmsNorm/ },
  { cause: "RoPE", kernels: /^rope/ },
  { cause: "activation", kernels: /glu/i },
  { cause: "packing", kernels: /^(pack|quantize|appendToken)/ },
  { cause: "scaling", kernels: /^(dequantize|matmul|groupedMatmul)/ },
  { cause: "routing", kernels: /(Scores|Choice|Groups|Experts|Expert)$/ },
  { cause: "sums", kernels: /^(add|combine|gather|gate)/ },
];

/** Why the FLOPs that were counted for a term differ from those of its formula: the amounts add up to the difference. */
export function flopCauses(
  modeled: ModeledWork,
  { products, tensors, partial }: TermWork,
  parts: readonly CountedPart[],
): Cause[] {
  const flopsOf = (of: "shape" | "tiled"): number => total(products, (product) => productFlops(product)[of]);
  const counted = total(parts, ({ counts }) => counts.matrixFlops + counts.matrixInt8Ops);
  const [shape, tiled] = [flopsOf("shape"), flopsOf("tiled")];
  const elementwise = elementwiseCauses(parts);
  if (products.length === 0) return withoutProducts(modeled.flops, elementwise, partial);
  const width = valueWidth(modeled.flops, products);
  const rows = rowsCause(modeled, products, tensors);
  const named = [width, rows].filter((cause) => cause !== undefined);
  const explained = modeled.flops + total(named, ({ amount }) => amount);
  return present(modeled.flops, [
    ...named,
    { quantity: "productFlops", cause: "padding", detail: paddedText(products), amount: tiled - shape },
    { quantity: "productFlops", cause: "unexplained", detail: "", amount: counted - tiled + (shape - explained) },
    ...elementwise,
  ]);
}

/** The value product of latent attention is as wide as the latent; the report's formula takes it as wide as the whole row. */
function valueWidth(modeledFlops: number, products: readonly Product[]): Cause | undefined {
  const values = products.filter(({ name }) => name === "values");
  const scores = products.filter(({ name }) => name === "scores");
  const [value, score] = [values[0], scores[0]];
  if (value === undefined || score === undefined || value.n === score.k) return undefined;
  const shape = total(products, (product) => productFlops(product).shape);
  const asWide = total([...scores, ...scores], (product) => productFlops(product).shape);
  if (!isClose(asWide, modeledFlops)) return undefined;
  const detail = `values are ${value.n} wide, the formula takes ${score.k}`;
  return { quantity: "productFlops", cause: "value width", detail, amount: shape - modeledFlops };
}

/** Products of one m with the formula's weights: its rows may hold a part of a row, or be dealt more evenly. */
function rowsCause(
  { flops: modeledFlops, weightBytes }: ModeledWork,
  products: readonly Product[],
  tensors: readonly StoredTensor[],
): Cause | undefined {
  const m = products[0]?.m ?? 0;
  if (m === 0 || products.some((product) => product.m !== m)) return undefined;
  const valueBytes = total(tensors, ({ form, times, valueBytes }) => (form === "matrix" ? times * valueBytes : 0));
  if (weightBytes === 0 || Math.abs(valueBytes / weightBytes - 1) > 1e-3) return undefined;
  const shape = total(products, (product) => productFlops(product).shape);
  if (isClose(shape, modeledFlops) || Math.abs(shape / modeledFlops - 1) > 0.25) return undefined;
  const modeledRows = (m * modeledFlops) / shape;
  const detail = `${m} rows, ${Number(modeledRows.toPrecision(6))} in the formula`;
  return { quantity: "productFlops", cause: "rows", detail, amount: shape - modeledFlops };
}

function paddedText(products: readonly Product[]): string {
  const texts = products.flatMap(({ name, n, k, tiledN, tiledK }) => [
    ...(tiledN === n ? [] : [`${name} n ${n} → ${tiledN}`]),
    ...(tiledK === k ? [] : [`${name} k ${k} → ${tiledK}`]),
  ]);
  return [...new Set(texts)].slice(0, 4).join(", ");
}

/** Elementwise FLOPs by what they are for, in the order in which they first ran. */
function elementwiseCauses(parts: readonly CountedPart[]): Cause[] {
  const causes = new Map<CauseName, { amount: number; kernels: string[] }>();
  for (const { kernel, counts } of parts) {
    if (counts.elementwiseFlops === 0) continue;
    const name = PURPOSES.find(({ kernels }) => kernels.test(kernel))?.cause ?? "unexplained";
    const { amount, kernels } = causes.get(name) ?? { amount: 0, kernels: [] };
    causes.set(name, { amount: amount + counts.elementwiseFlops, kernels: [...kernels, kernel] });
  }
  return [...causes].map(([cause, { amount, kernels }]) => ({
    quantity: "elementwiseFlops",
    cause,
    detail: kernels.join(", "),
    amount,
  }));
}

/** A term without products: what its formula counts is elementwise, and the largest of its causes holds it. */
function withoutProducts(
  modeledFlops: number,
  elementwise: readonly Cause[],
  partial: PartialTerm | undefined,
): Cause[] {
  const { fraction, detail } = partial ?? { fraction: 1, detail: "" };
  const largest = elementwise.reduce<Cause | undefined>(
    (most, cause) => (most === undefined || cause.amount > most.amount ? cause : most),
    undefined,
  );
  const causes = elementwise.map((cause) =>
    cause === largest ? { ...cause, amount: cause.amount - modeledFlops * fraction } : cause,
  );
  const elsewhere: Cause = {
    ...{ quantity: "elementwiseFlops", cause: "elsewhere", detail },
    amount: modeledFlops * (fraction - 1),
  };
  return present(modeledFlops, [...causes, elsewhere]);
}

/** Why the bytes of a term's KV cache or weights that came from memory differ from those of its formula; the amounts add up. */
export function byteCauses(
  kind: "kv" | "weights",
  modeledBytes: number,
  tensors: readonly StoredTensor[],
  traffic: Traffic,
  lineBytes: number,
): Cause[] {
  const quantity = kind === "kv" ? "kvBytes" : "weightBytes";
  const own = tensors.filter((tensor) => tensor.kind === kind);
  const names = new Set(own.map(({ buffer }) => buffer));
  const brought = traffic.buffers.filter(({ name }) => names.has(name));
  const matrices = own.filter(({ form }) => form === "matrix");
  const vectors = own.filter(({ form }) => form === "vector");
  const values = (some: readonly StoredTensor[]): number => total(some, ({ times, valueBytes }) => times * valueBytes);
  const beside = total(own, ({ times, besideBytes }) => times * besideBytes);
  const touched = total(own, touchedBytes);
  const lines = total(own, (tensor) => lineBytesOf(tensor, lineBytes));
  const distinct = total(brought, ({ distinctBytes }) => distinctBytes);
  const missed = total(brought, ({ missedBytes }) => missedBytes);
  const padded = own.filter((each) => touchedBytes(each) > each.times * (each.valueBytes + each.besideBytes));
  const namesOf = (some: readonly StoredTensor[]): string => [...new Set(some.map(({ buffer }) => buffer))].join(", ");
  const of = (cause: CauseName, amount: number, detail = ""): Cause => ({ quantity, cause, detail, amount });
  return present(modeledBytes, [
    of("scales", beside, namesOf(own.filter(({ besideBytes }) => besideBytes > 0))),
    of("vectors", values(vectors), namesOf(vectors)),
    of("padding", touched - values(own) - beside, namesOf(padded)),
    of("partial lines", lines - touched, `lines of ${lineBytes} bytes`),
    of("read again", missed - distinct, distinct === 0 ? "" : `${(missed / distinct).toFixed(2)} times`),
    of("unexplained", distinct - lines + (values(matrices) - modeledBytes)),
  ]);
}

/** What a case says of one term. */
export interface TermWork extends Pick<CaseWork, "products" | "tensors"> {
  readonly partial: PartialTerm | undefined;
}

export function workOfTerm({ work }: KernelCase, term: string): TermWork {
  const isOwn = (each: { readonly term: string }): boolean => each.term === term;
  return {
    products: work?.products.filter(isOwn) ?? [],
    tensors: work?.tensors.filter(isOwn) ?? [],
    partial: work?.partial?.find(isOwn),
  };
}

/** Causes that are more than rounding. */
function present(modeled: number, causes: readonly Cause[]): Cause[] {
  return causes.filter(({ amount }) => Math.abs(amount) > Math.max(1e-9 * modeled, 1e-6));
}

function isClose(a: number, b: number): boolean {
  return Math.abs(a - b) <= 1e-9 * Math.abs(b);
}

function total<Item>(items: readonly Item[], of: (item: Item) => number): number {
  return items.reduce((sum, item) => sum + of(item), 0);
}
