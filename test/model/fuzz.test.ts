import { readdirSync, readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { ModelCard } from "../../src/model/card.ts";
import { parametersActivated, parametersTotal } from "../../src/model/parameters.ts";
import { readModelConfig } from "../../src/model/reader.ts";
import { decodeCost, unitCost } from "../../src/theory/decodeCost.ts";
import { InvalidInputError } from "../../src/units/errors.ts";
import { kvBytesPerCachedToken } from "../../src/workload/kv-cache.ts";
import { attentionFlopsPerByte, effectiveRank, tokenWork } from "../../src/workload/per-token.ts";
import { modelTerms } from "../../src/workload/terms.ts";

type Json = Record<string, unknown>;

const folders = ["../../src/model/configs/", "./configs/"].map((folder) => new URL(folder, import.meta.url));
const configs: readonly Json[] = folders.flatMap((folder) =>
  readdirSync(folder)
    .filter((name) => name.endsWith(".json"))
    .map((name) => JSON.parse(readFileSync(new URL(name, folder), "utf8"))),
);

const strange: readonly unknown[] = [
  ...[0, -1, 1, 2, 3, 0.5, -0.5, 1e-9, 64, 8192, 2 ** 20, 2 ** 31, 1e18, 1e308, -1e308, 5e-324],
  ...[null, true, false, "", "64", "NaN", "Infinity", "4,5", "4,,5", "silu", "full_attention", "\u001b[2J\n"],
  ...[[], {}, [0], [-1], [1, 2, 3], ["full_attention"], [[1]], { toString: 1, valueOf: 2 }, { rope_theta: -1 }],
];

const step = fc.oneof(
  fc.record({ kind: fc.constant("set" as const), value: fc.constantFrom<unknown>(...strange) }),
  fc.record({ kind: fc.constant("set" as const), value: fc.jsonValue({ maxDepth: 3 }) }),
  fc.record({ kind: fc.constant("number" as const), value: fc.oneof(fc.integer({ min: 1, max: 5000 }), fc.double()) }),
  fc.record({ kind: fc.constant("delete" as const) }),
  fc.record({ kind: fc.constant("rename" as const), suffix: fc.constantFrom("s", "_size", "X", "__") }),
  fc.record({ kind: fc.constant("swap" as const) }),
  fc.record({ kind: fc.constant("add" as const), name: fc.string(), value: fc.jsonValue({ maxDepth: 2 }) }),
  fc.record({ kind: fc.constant("adopt" as const), from: fc.nat() }),
  fc.record({ kind: fc.constant("cut" as const), length: fc.nat(100) }),
);
const mutation = fc.record({ place: fc.nat(), other: fc.nat(), step });

/** Changes one field of the configuration or of its `text_config`. */
function mutate(config: Json, { place, other, step }: typeof mutation extends fc.Arbitrary<infer T> ? T : never): void {
  const inner = config["text_config"];
  const nested = typeof inner === "object" && inner !== null && !Array.isArray(inner) && place % 5 !== 0;
  const target = nested ? (inner as Json) : config;
  const names = Object.keys(target);
  const name = names[place % names.length] ?? "hidden_size";
  switch (step.kind) {
    case "set":
    case "number":
      target[name] = step.value;
      return;
    case "delete":
      delete target[name];
      return;
    case "rename":
      target[name + step.suffix] = target[name];
      delete target[name];
      return;
    case "swap":
      target[name] = target[names[other % names.length] ?? name];
      return;
    case "add":
      Object.defineProperty(target, step.name, {
        value: step.value,
        enumerable: true,
        configurable: true,
        writable: true,
      });
      return;
    case "adopt":
      Object.assign(target, without(configs[step.from % configs.length] ?? {}, other));
      return;
    case "cut": {
      const list = Object.keys(target).find((key) => Array.isArray(target[key]));
      if (list !== undefined) target[list] = (target[list] as unknown[]).slice(0, step.length);
      return;
    }
  }
}

/** All fields of another model but its type, or half of them. */
function without(config: Json, chance: number): Json {
  const kept = Object.entries(config).filter(([name], index) => name !== "model_type" && (index + chance) % 2 === 0);
  return Object.fromEntries(kept);
}

const H800 = { usdPerHour: 2, memoryBytesPerSecond: 3.35e12, flopsPerSecond: 1.98e15 };

/** Every number that the formulas make of a card. */
function numbersOf(card: ModelCard): readonly number[] {
  const setting = { batch: 16, kvTokens: 8192, tokensPerExpert: 16, bytesPerWeight: 1, bytesPerKvElement: 1 };
  return [
    parametersTotal(card),
    parametersActivated(card),
    kvBytesPerCachedToken(card),
    ...card.layers.map(({ attention }) => effectiveRank(attention)),
    ...modelTerms(card, setting).flatMap(({ flops, bytes }) => [flops, bytes]),
    ...(["report", "exact"] as const).flatMap((convention) => {
      const work = tokenWork(card, { contextTokens: 8192, convention });
      const { attentionUsd, ffnUsd } = decodeCost(work, unitCost(H800));
      const intensity = attentionFlopsPerByte(card, { contextTokens: 8192, convention });
      return [...Object.values(work), attentionUsd, ffnUsd, intensity];
    }),
  ];
}

describe("mutated configurations", () => {
  it("read to finite numbers, or end in one printable line of InvalidInputError", () => {
    let read = 0;
    let refused = 0;
    fc.assert(
      fc.property(fc.nat(), fc.array(mutation, { minLength: 1, maxLength: 3 }), (index, mutations) => {
        const config = structuredClone(configs[index % configs.length] ?? {});
        for (const one of mutations) mutate(config, one);
        let card: ModelCard;
        try {
          card = readModelConfig(config, "config.json");
        } catch (error) {
          expect(error).toBeInstanceOf(InvalidInputError);
          expect((error as Error).message).toMatch(/^config\.json: [^\p{Cc}]{1,1000}$/u);
          refused += 1;
          return;
        }
        read += 1;
        expect(numbersOf(card).filter((value) => !(Number.isFinite(value) && value >= 0))).toEqual([]);
        expect(card.notes.join("")).not.toMatch(/\p{Cc}/u);
        expect(card.notes.filter((note) => /^From .*(NaN|Infinity|undefined)/.test(note))).toEqual([]);
      }),
      { numRuns: 10_000 },
    );
    expect(read).toBeGreaterThan(1000);
    expect(refused).toBeGreaterThan(1000);
  }, 60_000);
});
