import { COUNT_NAMES, type CountName, type Counts, countGlobalName, zeroCounts } from "./counts.ts";
import type { Expression, ExpressionReader, MemoryAccess } from "./instrument-expressions.ts";
import type { Binaryen, OperationKind } from "./instrument-operations.ts";
import { BULK_FUNCTION, countAccess } from "./instrument-ranges.ts";
import type { RangeMap } from "./rangeCounts.ts";

/** The import that a traced module calls, under its name inside the module. */
export const TRACE_FUNCTION = "afdbench_traceAccess";

/** The class that an operation of a function counts in; undefined where it is not counted. */
export type Classify = (kind: OperationKind) => CountName | undefined;

export interface FunctionContext {
  readonly binaryen: Binaryen;
  readonly module: InstanceType<Binaryen["Module"]>;
  readonly reader: ExpressionReader;
  readonly trace: boolean;
  /** Absent where bytes are not told apart by range. */
  readonly ranges: RangeMap | undefined;
}

/** Instructions that execute together, and the block that will hold their bump; none where nothing executes. */
interface Region {
  readonly counts: Counts;
  readonly holder: Expression | undefined;
}

/**
 * Rewrites the function so that it counts, and traces where the context asks for it.
 *
 * A walk in the order of execution keeps the current region. A region ends where control may leave (a branch, taken or
 * not) and where it may arrive (a loop's head, an arm, the end of a block that something branches to). Where a construct
 * can only be left at its own end, what follows it executes as often as what stands before it: one region.
 * Traps are taken as the end of the run: what a trap cuts off stays counted.
 */
export function rewriteFunction(context: FunctionContext, func: number, classify: Classify): void {
  const { binaryen, module } = context;
  const info = binaryen.getFunctionInfo(func);
  const rewriter = new FunctionRewriter(context, classify, binaryen.expandType(info.params).length + info.vars.length);
  const body = rewriter.rewrite(info.body);
  module.removeFunction(info.name);
  module.addFunction(info.name, info.params, info.results, [...info.vars, ...rewriter.addedLocals], body);
}

class FunctionRewriter {
  readonly addedLocals: number[] = [];
  private readonly context: FunctionContext;
  private readonly classify: Classify;
  private readonly firstAddedLocal: number;
  private readonly freeLocals = new Map<number, number[]>();
  private accessSites = 0;
  private readonly regions: Region[] = [];
  private readonly labels = new Map<string, { readonly depth: number; isTarget: boolean }>();
  private region: Region = { counts: zeroCounts(), holder: undefined };
  private depth = 0;
  /** Depth of the outermost label that the expression under walk branches to; 0 is a return. */
  private reach = Number.POSITIVE_INFINITY;

  constructor(context: FunctionContext, classify: Classify, firstAddedLocal: number) {
    this.context = context;
    this.classify = classify;
    this.firstAddedLocal = firstAddedLocal;
  }

  rewrite(body: Expression): Expression {
    const rewritten = this.walkFromNewRegion(body);
    for (const { counts, holder } of this.regions) {
      if (holder === undefined) continue;
      const append = this.context.reader.accessor("Block", "appendChild");
      for (const name of COUNT_NAMES) {
        if (counts[name] > 0) append(holder, this.bump(name, this.i64(counts[name])));
      }
    }
    return rewritten;
  }

  private walk(expression: Expression): Expression {
    const { binaryen } = this.context;
    switch (binaryen.getExpressionId(expression)) {
      case binaryen.BlockId:
        return this.walkBlock(expression);
      case binaryen.LoopId:
        return this.walkLoop(expression);
      case binaryen.IfId:
        return this.walkIf(expression);
      case binaryen.BreakId:
        return this.walkBreak(expression);
      case binaryen.SwitchId:
        return this.walkSwitch(expression);
      case binaryen.ReturnId:
        this.walkOperands(expression);
        this.reach = 0;
        return this.startDeadRegion(expression);
      case binaryen.MemoryCopyId:
      case binaryen.MemoryFillId:
      case binaryen.MemoryInitId:
        return this.walkBulk(expression);
      default:
        return this.walkOperation(expression);
    }
  }

  private walkBlock(block: Expression): Expression {
    const { name } = this.info<{ name: string | null }>(block);
    const { accessor } = this.context.reader;
    const before = this.region;
    const { label, escapes } = this.walkLabelled(name, () => {
      const count = accessor("Block", "getNumChildren")(block);
      for (let index = 0; index < count; index++) {
        const child = accessor("Block", "getChildAt")(block, index);
        const rewritten = this.walk(child);
        if (rewritten !== child) accessor("Block", "setChildAt")(block, index, rewritten);
      }
    });
    if (!label.isTarget) return block;
    if (escapes) return this.startRegionAfter(block);
    this.region = before;
    return block;
  }

  private walkLoop(loop: Expression): Expression {
    const { name, body } = this.info<{ name: string | null; body: Expression }>(loop);
    const before = this.region;
    const { escapes } = this.walkLabelled(name, () => {
      this.context.reader.accessor("Loop", "setBody")(loop, this.walkFromNewRegion(body));
    });
    // The end of the body is the loop's only way out downwards, so the region there goes on behind the loop.
    if (!escapes) this.region = before;
    return loop;
  }

  private walkIf(branch: Expression): Expression {
    const { condition, ifTrue, ifFalse } = this.info<Record<"condition" | "ifTrue" | "ifFalse", Expression>>(branch);
    const { accessor } = this.context.reader;
    accessor("If", "setCondition")(branch, this.walk(condition));
    const before = this.region;
    const { escapes } = this.walkLabelled(null, () => {
      accessor("If", "setIfTrue")(branch, this.walkFromNewRegion(ifTrue));
      if (ifFalse !== 0) accessor("If", "setIfFalse")(branch, this.walkFromNewRegion(ifFalse));
    });
    if (escapes) return this.startRegionAfter(branch);
    this.region = before;
    return branch;
  }

  private walkBreak(jump: Expression): Expression {
    this.walkOperands(jump);
    const { name, condition } = this.info<{ name: string; condition: Expression }>(jump);
    this.target(name);
    return condition === 0 ? this.startDeadRegion(jump) : this.startRegionAfter(jump);
  }

  private walkSwitch(jump: Expression): Expression {
    this.walkOperands(jump);
    const { names, defaultName } = this.info<{ names: string[]; defaultName: string | null }>(jump);
    for (const name of names) this.target(name);
    if (defaultName !== null) this.target(defaultName);
    return this.startDeadRegion(jump);
  }

  private walkOperation(expression: Expression): Expression {
    const access = this.context.reader.memoryAccess(expression);
    const operation = this.context.reader.operation(expression);
    const { trace, ranges } = this.context;
    const isObserved = access !== undefined && (trace || ranges !== undefined);
    const result = isObserved ? this.walkObserved(expression, access) : this.walkOperands(expression);
    const { counts } = this.region;
    const name = operation && this.classify(operation.kind);
    if (operation !== undefined && name !== undefined) counts[name] += operation.count;
    counts.loadBytes += access?.loadBytes ?? 0;
    counts.storeBytes += access?.storeBytes ?? 0;
    return result;
  }

  private walkOperands(expression: Expression): Expression {
    for (const operand of this.context.reader.operands(expression)) {
      const value = operand.read();
      const rewritten = this.walk(value);
      if (rewritten !== value) operand.write(rewritten);
    }
    return expression;
  }

  private walkObserved(expression: Expression, access: MemoryAccess): Expression {
    const { binaryen, module, trace, ranges } = this.context;
    return this.spillOperands(expression, ([address]) => {
      const effective = () =>
        access.offset === 0
          ? this.get(address)
          : module.i32.add(this.get(address), module.i32.const(access.offset | 0));
      const before: Expression[] = [];
      for (const [bytes, isStore] of [[access.loadBytes, 0] as const, [access.storeBytes, 1] as const]) {
        if (bytes === 0) continue;
        if (trace) before.push(this.traceCall(effective(), module.i32.const(bytes), isStore));
        if (ranges === undefined) continue;
        const scratch = this.takeLocal(binaryen.i32);
        this.freeLocals.get(scratch.type)?.push(scratch.index);
        const site = { index: this.accessSites++, bytes, isStore };
        before.push(...countAccess(binaryen, module, ranges, effective(), scratch.index, site));
      }
      return before;
    });
  }

  /** memory.copy, memory.fill and memory.init: as many bytes as their last operand says. */
  private walkBulk(expression: Expression): Expression {
    const { binaryen, module, trace, ranges } = this.context;
    const isCopy = binaryen.getExpressionId(expression) === binaryen.MemoryCopyId;
    return this.spillOperands(expression, ([destination, source, size]) => {
      const before: Expression[] = [];
      const observe = (address: Local | undefined, isStore: 0 | 1): void => {
        before.push(this.bump(isStore === 0 ? "loadBytes" : "storeBytes", module.i64.extend_u(this.get(size))));
        const values = () => [this.get(address), this.get(size), module.i32.const(isStore)];
        if (trace) before.push(module.call(TRACE_FUNCTION, values(), binaryen.none));
        if (ranges !== undefined) before.push(module.call(BULK_FUNCTION, values(), binaryen.none));
      };
      if (isCopy) observe(source, 0);
      observe(destination, 1);
      return before;
    });
  }

  /** Puts each operand into a local, so that what `between` makes can read it before the expression itself runs. */
  private spillOperands(expression: Expression, between: (locals: readonly Local[]) => Expression[]): Expression {
    const { binaryen, module } = this.context;
    const locals: Local[] = [];
    const sets: Expression[] = [];
    const spilled: (() => void)[] = [];
    let isReachable = true;
    for (const operand of this.context.reader.operands(expression)) {
      const value = this.walk(operand.read());
      operand.write(value);
      const type = binaryen.getExpressionType(value);
      if (type === binaryen.unreachable) {
        isReachable = false;
        continue;
      }
      const local = this.takeLocal(type);
      locals.push(local);
      spilled.push(() => {
        sets.push(module.local.set(local.index, operand.read()));
        operand.write(this.get(local));
      });
    }
    const release = (): void => {
      for (const local of locals) this.freeLocals.get(local.type)?.push(local.index);
    };
    if (!isReachable) {
      release();
      return expression;
    }
    for (const spill of spilled) spill();
    // Only now are the locals free again: what stands between may need some of its own.
    const inserted = between(locals);
    release();
    const type = binaryen.getExpressionType(expression);
    return module.block(null, [...sets, ...inserted, expression], type);
  }

  /** Walks under a new label; says whether anything in it branches further out than to this label. */
  private walkLabelled(name: string | null, walk: () => void) {
    const label = { depth: ++this.depth, isTarget: false };
    const outerReach = this.reach;
    this.reach = Number.POSITIVE_INFINITY;
    if (name) this.labels.set(name, label);
    walk();
    const escapes = this.reach < label.depth;
    this.depth--;
    this.reach = Math.min(outerReach, escapes ? this.reach : Number.POSITIVE_INFINITY);
    return { label, escapes };
  }

  private target(name: string): void {
    const label = this.labels.get(name);
    if (label === undefined) throw new Error(`a branch to ${name}, which no enclosing block bears`);
    label.isTarget = true;
    this.reach = Math.min(this.reach, label.depth);
  }

  private walkFromNewRegion(expression: Expression): Expression {
    const { binaryen, module } = this.context;
    const holder = this.startRegion();
    const rewritten = this.walk(expression);
    const type = binaryen.getExpressionType(rewritten);
    return module.block(null, [holder, rewritten], type === binaryen.unreachable ? undefined : type);
  }

  private startRegion(): Expression {
    const holder = this.context.module.block(null, []);
    this.region = { counts: zeroCounts(), holder };
    this.regions.push(this.region);
    return holder;
  }

  private startRegionAfter(expression: Expression): Expression {
    const { binaryen, module } = this.context;
    const type = binaryen.getExpressionType(expression);
    if (type === binaryen.unreachable) return this.startDeadRegion(expression);
    if (type === binaryen.none) return module.block(null, [expression, this.startRegion()]);
    const local = this.takeLocal(type);
    this.freeLocals.get(type)?.push(local.index);
    const keep = module.local.set(local.index, expression);
    return module.block(null, [keep, this.startRegion(), this.get(local)], type);
  }

  private startDeadRegion(expression: Expression): Expression {
    this.region = { counts: zeroCounts(), holder: undefined };
    return expression;
  }

  private bump(name: CountName, value: Expression): Expression {
    const { binaryen, module } = this.context;
    const global = countGlobalName(name);
    return module.global.set(global, module.i64.add(module.global.get(global, binaryen.i64), value));
  }

  private traceCall(address: Expression, bytes: Expression, isStore: 0 | 1): Expression {
    const { binaryen, module } = this.context;
    return module.call(TRACE_FUNCTION, [address, bytes, module.i32.const(isStore)], binaryen.none);
  }

  private takeLocal(type: number): Local {
    if (this.context.binaryen.expandType(type).length !== 1)
      throw new Error("cannot instrument values of several parts");
    const free = this.freeLocals.get(type) ?? [];
    this.freeLocals.set(type, free);
    const index = free.pop() ?? this.firstAddedLocal + this.addedLocals.push(type) - 1;
    return { index, type };
  }

  private get(local: Local | undefined): Expression {
    if (local === undefined) throw new Error("a memory instruction with fewer operands than it must have");
    return this.context.module.local.get(local.index, local.type);
  }

  private i64(value: number): Expression {
    return this.context.module.i64.const(BigInt(value));
  }

  private info<T>(expression: Expression): T {
    return this.context.binaryen.getExpressionInfo(expression) as unknown as T;
  }
}

interface Local {
  readonly index: number;
  readonly type: number;
}
