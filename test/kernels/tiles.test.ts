import { describe, expect, it } from "vitest";
import { matmulCase } from "../../src/kernels/matmul.ts";
import { targets } from "../../src/kernels/target.ts";
import type { Tiles } from "../../src/kernels/tiles.ts";
import { edgeCases } from "./edgeCases.ts";
import { differing, machineOf, prepare, results, runRanks } from "./machine.ts";

const otherTiles: readonly Tiles[] = [
  { f32Panels: 2, int8Panels: 2, int8Dot: "fused" },
  { f32Panels: 2, int8Panels: 1, int8Dot: "inPairs" },
  { f32Panels: 1, int8Panels: 2, int8Dot: "inPairs" },
];

const manyPanels = [1, 2, 3, 4, 5, 6, 7, 11, 12, 300].flatMap((m) =>
  (["f32", "int8"] as const).flatMap((dtype) =>
    [8, 24, 40, 56].map((n) => ({
      name: `matmul ${dtype} m=${m} n=${n}`,
      build: () => matmulCase({ m, n, k: 521, dtype, seed: m + n }),
    })),
  ),
);

describe.each(targets)("bits of target %s do not depend on the tiles", (target) => {
  const machine = machineOf(target);
  const others = otherTiles.map((tiles) => machineOf(target, tiles));

  it.each([...edgeCases(), ...manyPanels])("$name", ({ build }) => {
    const kernelCase = build();
    prepare(machine, kernelCase);
    runRanks(machine, kernelCase, 2);
    const plain = results(machine, kernelCase);
    for (const [index, other] of others.entries()) {
      prepare(other, kernelCase);
      runRanks(other, kernelCase, 3);
      expect(differing(plain, results(other, kernelCase)), JSON.stringify(otherTiles[index])).toEqual([]);
    }
  });
});
