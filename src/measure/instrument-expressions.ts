import type binaryenNamespace from "binaryen";
import type { Counts } from "./counts.ts";
import {
  type Binaryen,
  OPERATION_ROWS,
  type OperationKind,
  type OperationNode,
  VECTOR_ACCESS_ROWS,
} from "./instrument-operations.ts";

export type Expression = binaryenNamespace.ExpressionRef;

/** A getter or setter of one kind of expression, such as `binaryen.Binary.getLeft`; its types leave them out. */
type Accessor = (expression: Expression, ...values: number[]) => number;

/** One operand of an expression. */
export interface Operand {
  readonly read: () => Expression;
  readonly write: (value: Expression) => void;
}

/** The memory that one execution of an expression touches. */
export interface MemoryAccess {
  readonly offset: number;
  readonly loadBytes: number;
  readonly storeBytes: number;
}

/** Reads binaryen's expressions: operands in the order of evaluation, operations, memory accesses. */
export interface ExpressionReader {
  /** @throws where this binaryen has no such accessor. */
  readonly accessor: (node: string, name: string) => Accessor;
  /** The operands of an expression without control flow of its own. @throws on instructions outside the known set. */
  readonly operands: (expression: Expression) => readonly Operand[];
  readonly operation: (expression: Expression) => { readonly kind: OperationKind; readonly count: number } | undefined;
  readonly memoryAccess: (expression: Expression) => MemoryAccess | undefined;
}

/** Operands by kind of expression, in the order in which WASM evaluates them; Call and CallIndirect have lists. */
const OPERANDS: Readonly<Record<string, readonly string[]>> = {
  Nop: [],
  LocalGet: [],
  GlobalGet: [],
  Const: [],
  MemorySize: [],
  Unreachable: [],
  AtomicFence: [],
  DataDrop: [],
  Call: [],
  CallIndirect: ["Target"],
  LocalSet: ["Value"],
  GlobalSet: ["Value"],
  Load: ["Ptr"],
  Store: ["Ptr", "Value"],
  Unary: ["Value"],
  Binary: ["Left", "Right"],
  Select: ["IfTrue", "IfFalse", "Condition"],
  Drop: ["Value"],
  Return: ["Value"],
  Break: ["Value", "Condition"],
  Switch: ["Value", "Condition"],
  MemoryGrow: ["Delta"],
  AtomicRMW: ["Ptr", "Value"],
  AtomicCmpxchg: ["Ptr", "Expected", "Replacement"],
  AtomicWait: ["Ptr", "Expected", "Timeout"],
  AtomicNotify: ["Ptr", "NotifyCount"],
  SIMDExtract: ["Vec"],
  SIMDReplace: ["Vec", "Value"],
  SIMDShuffle: ["Left", "Right"],
  SIMDTernary: ["A", "B", "C"],
  SIMDShift: ["Vec", "Shift"],
  SIMDLoad: ["Ptr"],
  SIMDLoadStoreLane: ["Ptr", "Vec"],
  MemoryInit: ["Dest", "Offset", "Size"],
  MemoryCopy: ["Dest", "Source", "Size"],
  MemoryFill: ["Dest", "Value", "Size"],
};

/** Binds the tables above to a loaded binaryen. */
export function createExpressionReader(binaryen: Binaryen): ExpressionReader {
  const api = binaryen as unknown as Readonly<Record<string, Readonly<Record<string, Accessor>>>>;
  const codes = binaryen as unknown as Readonly<Record<string, number>>;
  const accessor = (node: string, name: string) => found(api[node]?.[name], `${node}.${name}`);
  const nodeById = new Map(Object.keys(OPERANDS).map((node) => [found(codes[`${node}Id`], `${node}Id`), node]));

  const operandsByNode = new Map(
    Object.entries(OPERANDS).map(([node, names]) => [
      node,
      names.map((name) => ({ read: accessor(node, `get${name}`), write: accessor(node, `set${name}`) })),
    ]),
  );
  const operationsByNode = new Map<string, Map<number, { kind: OperationKind; count: number }>>(
    (["Unary", "Binary", "SIMDTernary", "SIMDLoad"] satisfies OperationNode[]).map((node) => [node, new Map()]),
  );
  for (const { node, kind, count, operations } of OPERATION_ROWS) {
    for (const name of operations) operationsByNode.get(node)?.set(found(codes[name], name), { kind, count });
  }
  const vectorAccesses = new Map<string, Pick<Counts, "loadBytes" | "storeBytes">>();
  for (const { node, access, bytes, operations } of VECTOR_ACCESS_ROWS) {
    const touched = { loadBytes: access === "load" ? bytes : 0, storeBytes: access === "store" ? bytes : 0 };
    for (const name of operations) vectorAccesses.set(`${node} ${found(codes[name], name)}`, touched);
  }

  const nodeOf = (expression: Expression): string => {
    const node = nodeById.get(binaryen.getExpressionId(expression));
    if (node !== undefined) return node;
    throw new Error(`cannot instrument this instruction: ${binaryen.emitText(expression).slice(0, 80)}`);
  };

  return {
    accessor,
    operands: (expression) => {
      const node = nodeOf(expression);
      const fixed = found(operandsByNode.get(node), node)
        .map(({ read, write }) => ({
          read: () => read(expression),
          write: (value: Expression) => void write(expression, value),
        }))
        .filter((operand) => operand.read() !== 0);
      if (node !== "Call" && node !== "CallIndirect") return fixed;
      const count = accessor(node, "getNumOperands")(expression);
      const listed = Array.from({ length: count }, (_, index) => ({
        read: () => accessor(node, "getOperandAt")(expression, index),
        write: (value: Expression) => void accessor(node, "setOperandAt")(expression, index, value),
      }));
      return [...listed, ...fixed];
    },
    operation: (expression) => {
      const node = nodeOf(expression);
      return operationsByNode.get(node)?.get(accessor(node, "getOp")(expression));
    },
    memoryAccess: (expression) => {
      const node = nodeOf(expression);
      const read = (name: string) => accessor(node, name)(expression);
      switch (node) {
        case "Load":
          return { offset: read("getOffset"), loadBytes: read("getBytes"), storeBytes: 0 };
        case "Store":
          return { offset: read("getOffset"), loadBytes: 0, storeBytes: read("getBytes") };
        case "AtomicRMW":
        case "AtomicCmpxchg":
          return { offset: read("getOffset"), loadBytes: read("getBytes"), storeBytes: read("getBytes") };
        case "SIMDLoad":
        case "SIMDLoadStoreLane":
          return { offset: read("getOffset"), ...found(vectorAccesses.get(`${node} ${read("getOp")}`), node) };
        default:
          return undefined;
      }
    },
  };
}

function found<T>(value: T | undefined, name: string): T {
  if (value === undefined) throw new Error(`this binaryen has no ${name}`);
  return value;
}
