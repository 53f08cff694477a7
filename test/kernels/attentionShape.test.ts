import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createArena } from "../../src/kernels/arena.ts";
import { attentionCoreCase } from "../../src/kernels/attentionCore.ts";
import { mostPartsOf, mostRanks, partsOf, strandsOf } from "../../src/kernels/attentionParts.ts";
import { type AttentionCoreShape, resolveCore } from "../../src/kernels/attentionShape.ts";
import { requireFits } from "../../src/kernels/fit.ts";
import { createMemory } from "../../src/kernels/load.ts";
import { InfeasibleError, InvalidInputError } from "../../src/units/errors.ts";
import { firstAttendedToken } from "../../src/workload/kv-cache.ts";
import { machineOf } from "./machine.ts";

const shape: AttentionCoreShape = {
  ...{ batch: 2, kvTokens: 10, queryHeads: 4, kvHeads: 2, headDim: 16, dtype: "f32", seed: 1 },
};

describe("a core's shape", () => {
  it.each([
    [{ batch: 0 }, /^batch: expected a whole number of at least 1, got 0$/],
    [{ headDim: 1.5 }, /^headDim: expected a whole number/],
    [{ ropeHeadDim: 0 }, /^ropeHeadDim: /],
    [{ kvTokens: -1 }, /^kvTokens: expected a whole number of at least 0, got -1$/],
    [{ kvTokens: Number.NaN }, /^kvTokens: /],
    [{ kvTokens: [1, 2, 3] }, /^kvTokens: expected a number for each of 2 sequences, got a list of 3$/],
    [{ queryHeads: 5 }, /^queryHeads: expected as many for each of 2 KV heads, at most 288, got 5$/],
    [{ queryHeads: 578, kvHeads: 2 }, /^queryHeads: .* at most 288, got 578$/],
    [{ kvDtype: "int8" }, /^kvDtype: expected f32 or bf16 or fp8, which are multiplied in f32, got "int8"/],
    [{ dtype: "int8", kvDtype: "fp8" }, /^kvDtype: expected int8 or int4, which are multiplied in int8/],
    [{ kvDtype: "fp4" as "fp8" }, /^kvDtype: .* got "fp4"; did you mean "fp8"/],
    [{ dtype: "int8", headDim: 132_105 }, /^headDim: expected at most 132104 in int8, got 132112$/],
    [{ span: { kind: "sliding", tokens: 0 } }, /^span.tokens: /],
  ] satisfies [Partial<AttentionCoreShape>, RegExp][])("%o is refused: it names what is wrong", (changed, message) => {
    expect(() => attentionCoreCase({ ...shape, ...changed })).toThrow(message);
    expect(() => attentionCoreCase({ ...shape, ...changed })).toThrow(InvalidInputError);
  });

  it("takes 288 query heads on a KV head, and int8 at the last k whose sums are exact", () => {
    expect(resolveCore({ ...shape, queryHeads: 576 }).groupHeads).toBe(288);
    expect(resolveCore({ ...shape, dtype: "int8", headDim: 132_104 }).cache.keyDim).toBe(132_104);
  });

  it("is refused by a memory that does not hold it, before a kernel runs", () => {
    const kernelCase = attentionCoreCase({ ...shape, kvTokens: 100_000 });
    const { exports } = machineOf("simd");
    expect(() => kernelCase.prepare(exports, createMemory(2 ** 20))).toThrow(InfeasibleError);
    expect(() => kernelCase.prepare(exports, createMemory(2 ** 20))).toThrow(
      /needs memory up to byte \d+, and there are \d+$/,
    );
    expect(() => createMemory(attentionCoreCase({ ...shape, batch: 64, kvTokens: 2 ** 20 }).totalBytes)).toThrow(
      InfeasibleError,
    );
  });

  it("refuses a buffer that does not begin on a vector", () => {
    const arena = createArena();
    const buffer = arena.allocate("q", "activations", 64);
    const memory = createMemory(arena.totalBytes());
    expect(() => requireFits([buffer], memory)).not.toThrow();
    expect(() => requireFits([{ ...buffer, address: buffer.address + 4 }], memory)).toThrow(
      /^address of q: expected a multiple of 16, got \d+$/,
    );
  });
});

describe("spans", () => {
  it.each([
    [{ kind: "full" } as const, 9, 0],
    [{ kind: "sliding", tokens: 4 } as const, 9, 5],
    [{ kind: "sliding", tokens: 4 } as const, 3, 0],
    [{ kind: "sliding", tokens: 4 } as const, 0, 0],
    // The query's own token is the ninth, at position 8: the first of a new chunk.
    [{ kind: "chunked", tokens: 4 } as const, 9, 8],
    [{ kind: "chunked", tokens: 4 } as const, 8, 4],
    [{ kind: "chunked", tokens: 4 } as const, 0, 0],
  ])("%o of %i cached tokens begins at %i", (span, contextTokens, first) => {
    expect(firstAttendedToken(span, contextTokens)).toBe(first);
  });
});

describe("parts", () => {
  const tokens = fc.integer({ min: 0, max: 100_000 });

  it("cover a context once, in order, in whole blocks, at most eight of them", () => {
    fc.assert(
      fc.property(tokens, tokens, (a, b) => {
        const [first, last] = [Math.min(a, b), Math.max(a, b)];
        const parts = partsOf({ first, last });
        expect(parts.length).toBeLessThanOrEqual(8);
        if (first === last) return;
        expect([parts[0]?.first, parts.at(-1)?.last]).toEqual([first, last]);
        for (const [index, part] of parts.entries()) {
          expect(part.last).toBeGreaterThan(part.first);
          if (index === 0) continue;
          expect(part.first).toBe(parts[index - 1]?.last);
          expect(part.first % 256).toBe(0);
        }
      }),
    );
  });

  it("of contexts up to a length, wherever they begin, are at most as many as mostPartsOf says", () => {
    const before = fc.integer({ min: 0, max: 20_000 });
    fc.assert(
      fc.property(before, before, fc.integer({ min: 0, max: 600 }), (first, length, longer) => {
        expect(partsOf({ first, last: first + length }).length).toBeLessThanOrEqual(mostPartsOf(length + longer));
      }),
    );
    // 33 blocks make fewer parts than 32: a context that grows may need more room than it ends with.
    expect([32, 33].map((blocks) => partsOf({ first: 0, last: blocks * 256 }).length)).toEqual([8, 7]);
  });

  it("fall to every thread where there are as many as threads, each part to one", () => {
    const shapes = fc.record({
      kvTokens: fc.array(fc.integer({ min: 0, max: 5000 }), { minLength: 1, maxLength: 5 }),
      kvHeads: fc.integer({ min: 1, max: 3 }),
      groupHeads: fc.integer({ min: 1, max: 5 }),
      ranks: fc.integer({ min: 1, max: mostRanks }),
    });
    fc.assert(
      fc.property(shapes, ({ groupHeads, ranks, ...rest }) => {
        const queryHeads = rest.kvHeads * groupHeads;
        const strands = strandsOf(resolveCore({ ...shape, ...rest, batch: rest.kvTokens.length, queryHeads }), ranks);
        const owners = strands.flatMap((strand) => strand.owners);
        expect(owners.every((owner, index) => owner >= (owners[index - 1] ?? 0) && owner < ranks)).toBe(true);
        for (const { parts, owners: each, isWhole } of strands) {
          expect(each).toHaveLength(parts.length);
          expect(isWhole).toBe(new Set(each).size === 1);
        }
        const heads = strands.reduce((sum, strand) => sum + strand.heads.last - strand.heads.first, 0);
        expect(heads).toBe(rest.kvTokens.length * queryHeads);
      }),
    );
  });

  it("of one sequence of MQA fall to two threads by halves", () => {
    const dims = resolveCore({ ...shape, batch: 1, kvTokens: 4096, queryHeads: 64, kvHeads: 1 });
    expect(strandsOf(dims, 2).map(({ owners }) => owners)).toEqual([[0, 0, 1, 1]]);
  });

  it("of a long and a short sequence are shared out by tokens", () => {
    const dims = resolveCore({ ...shape, kvTokens: [4096, 256], queryHeads: 2 });
    const tokensOf = [0, 0];
    for (const { parts, owners } of strandsOf(dims, 2))
      for (const [index, { first, last }] of parts.entries())
        tokensOf[owners[index] as number] = (tokensOf[owners[index] as number] as number) + last - first;
    expect(Math.min(...tokensOf)).toBeGreaterThan(0.4 * (tokensOf[0] as number) + 0.4 * (tokensOf[1] as number));
  });
});
