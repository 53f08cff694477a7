import fc from "fast-check";
import { expect, it } from "vitest";
import { assemble, instantiate, MEMORY_IMPORT, newMemory } from "./instrumentFixtures.ts";

/** Random programs against a slow reference: the same program with a call after every single operation. */

type Value =
  | { type: "constant" }
  | { type: "load" }
  | { type: "add"; left: Value; right: Value }
  | { type: "choose"; first: Value; second: Value }
  | { type: "breakWithValue"; first: Value; second: Value }
  | { type: "exitBefore"; label: number; value: Value };

type Statement =
  | { type: "set" | "store"; value: Value }
  | { type: "block" | "loop"; body: Statement[] }
  | { type: "if"; value: Value; body: Statement[]; otherwise: Statement[] }
  | { type: "exitIf" | "exit"; label: number }
  | { type: "table"; labels: number[] };

const label = fc.nat(7);

const { value: valueArbitrary } = fc.letrec<{ value: Value }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 3, withCrossShrink: true },
    fc.constant<Value>({ type: "constant" }),
    fc.constant<Value>({ type: "load" }),
    fc.record({ type: fc.constant("add" as const), left: tie("value"), right: tie("value") }),
    fc.record({ type: fc.constant("choose" as const), first: tie("value"), second: tie("value") }),
    fc.record({ type: fc.constant("breakWithValue" as const), first: tie("value"), second: tie("value") }),
    fc.record({ type: fc.constant("exitBefore" as const), label, value: tie("value") }),
  ),
}));

const { body: bodyArbitrary } = fc.letrec<{ body: Statement[]; statement: Statement }>((tie) => ({
  body: fc.array(tie("statement"), { minLength: 1, maxLength: 5 }),
  statement: fc.oneof(
    { maxDepth: 5, withCrossShrink: true },
    fc.record({ type: fc.constantFrom("set" as const, "store" as const), value: valueArbitrary }),
    fc.record({ type: fc.constantFrom("block" as const, "loop" as const), body: tie("body") }),
    fc.record({ type: fc.constant("if" as const), value: valueArbitrary, body: tie("body"), otherwise: tie("body") }),
    fc.record({ type: fc.constant("exitIf" as const), label }),
    fc.record({ type: fc.constantFrom("exitIf" as const, "exit" as const), label }),
    fc.record({ type: fc.constant("table" as const), labels: fc.array(label, { minLength: 1, maxLength: 3 }) }),
  ),
}));

/** Writes the program as text; `mark` wraps each counted operation, and is the identity in the plain program. */
function write(program: Statement[], mark: (kind: "add" | "load", text: string) => string, markStore: string): string {
  let labels = 0;
  const newLabel = () => `$l${labels++}`;
  const pick = (scope: readonly string[], index: number) => scope[index % Math.max(1, scope.length)];
  const value = (node: Value, scope: readonly string[]): string => {
    switch (node.type) {
      case "constant":
        return "(f32.const 1)";
      case "load":
        return mark("load", "(f32.load (i32.const 0))");
      case "add":
        return mark("add", `(f32.add ${value(node.left, scope)} ${value(node.right, scope)})`);
      case "choose":
        return `(if (result f32) (call $random) (then ${value(node.first, scope)}) (else ${value(node.second, scope)}))`;
      case "breakWithValue": {
        const name = newLabel();
        const first = `(drop (br_if ${name} ${value(node.first, scope)} (call $random)))`;
        return `(block ${name} (result f32) ${first} ${value(node.second, scope)})`;
      }
      case "exitBefore":
        return `(block (result f32) ${exitIf(pick(scope, node.label))} ${value(node.value, scope)})`;
    }
  };
  // Fuel bounds every way back to a loop's head.
  const exitIf = (name: string | undefined) => {
    if (name === undefined) return "(if (call $random) (then (return)))";
    return `(br_if ${name} (i32.and (call $random) (call $fuelLeft)))`;
  };
  const statements = (nodes: readonly Statement[], scope: readonly string[]): string =>
    nodes.map((node) => statement(node, scope)).join("\n");
  const statement = (node: Statement, scope: readonly string[]): string => {
    switch (node.type) {
      case "set":
        return `(local.set $f ${value(node.value, scope)})`;
      case "store":
        return `(f32.store (i32.const 4) ${value(node.value, scope)}) ${markStore}`;
      case "block":
      case "loop": {
        const name = newLabel();
        return `(${node.type} ${name} ${statements(node.body, [...scope, name])})`;
      }
      case "if": {
        const condition = `(block (result i32) (local.set $f ${value(node.value, scope)}) (call $random))`;
        return `(if ${condition} (then ${statements(node.body, scope)}) (else ${statements(node.otherwise, scope)}))`;
      }
      case "exitIf":
        return exitIf(pick(scope, node.label));
      case "exit": {
        const name = pick(scope, node.label);
        return `(if (call $fuelLeft) (then ${name === undefined ? "(return)" : `(br ${name})`}) (else (return)))`;
      }
      case "table": {
        const names = node.labels.map((index) => pick(scope, index) ?? "");
        if (names.includes("")) return "(return)";
        const table = `(br_table ${names.join(" ")} (i32.add (call $random) (call $random)))`;
        return `(if (call $fuelLeft) (then ${table}) (else (return)))`;
      }
    }
  };
  return statements(program, []);
}

const SUPPORT = [
  MEMORY_IMPORT,
  `(global $state (export "state") (mut i32) (i32.const 0)) (global $fuel (mut i32) (i32.const 60))
  (global $adds (export "adds") (mut i32) (i32.const 0))
  (global $loads (export "loads") (mut i32) (i32.const 0))
  (global $stores (export "stores") (mut i32) (i32.const 0))`,
  `(func $random (result i32)
    (global.set $state (i32.add (i32.mul (global.get $state) (i32.const 1103515245)) (i32.const 12345)))
    (i32.and (i32.shr_u (global.get $state) (i32.const 16)) (i32.const 1)))`,
  `(func $fuelLeft (result i32)
    (global.set $fuel (i32.sub (global.get $fuel) (i32.const 1)))
    (i32.gt_s (global.get $fuel) (i32.const 0)))`,
  `(func $add (param f32) (result f32) (global.set $adds (i32.add (global.get $adds) (i32.const 1))) (local.get 0))`,
  `(func $load (param f32) (result f32) (global.set $loads (i32.add (global.get $loads) (i32.const 1))) (local.get 0))`,
  `(func $store (global.set $stores (i32.add (global.get $stores) (i32.const 1))))`,
];

const runFunction = (body: string) =>
  `(func (export "run") (param i32) (local $f f32) (global.set $state (local.get 0)) ${body})`;

const read = (exports: WebAssembly.Exports, name: string): number =>
  Number((exports[name] as WebAssembly.Global).value);

it("counts random control flow as the reference does", () => {
  fc.assert(
    fc.property(bodyArbitrary, fc.nat(1000), (program, seed) => {
      const marked = write(program, (kind, text) => `(call $${kind} ${text})`, "(call $store)");
      const plain = write(program, (_kind, text) => text, "");
      const wasm = assemble(...SUPPORT, runFunction(marked));
      const reference = new WebAssembly.Instance(new WebAssembly.Module(wasm), { env: { memory: newMemory() } });
      (reference.exports.run as (seed: number) => void)(seed);
      const expected = {
        elementwiseFlops: read(reference.exports, "adds"),
        loadBytes: 4 * read(reference.exports, "loads"),
        storeBytes: 4 * read(reference.exports, "stores"),
      };
      const counting = {
        map: { chunkShift: 2 },
        ranges: [
          [0, 4],
          [4, 8],
        ],
      } as const;
      for (const [trace, ranges] of [
        [false, undefined] as const,
        [true, undefined] as const,
        [false, counting] as const,
      ]) {
        const options = { trace, ...(ranges === undefined ? {} : { counting: ranges }) };
        const module = instantiate(assemble(...SUPPORT, runFunction(plain)), options);
        module.run("run", seed);
        expect(read(module.exports, "state")).toBe(read(reference.exports, "state"));
        expect(module.counts()).toMatchObject(expected);
        // Loads read address 0, stores write address 4.
        const byRange = [
          [expected.loadBytes, 0],
          [0, expected.storeBytes],
          [0, 0],
        ];
        if (ranges !== undefined) expect(module.rangeCounts()).toEqual(byRange);
        expect(module.accesses.length * 4).toBe(trace ? expected.loadBytes + expected.storeBytes : 0);
      }
    }),
    { numRuns: 300, seed: 3 },
  );
});
