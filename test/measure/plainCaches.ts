import type { CacheGeometry, LevelLines } from "../../src/measure/cacheModel.ts";

interface Entry {
  readonly line: number;
  changed: boolean;
}

interface Level {
  readonly ways: number;
  readonly lists: readonly Entry[][];
  fetchedLines: number;
  writtenLines: number;
}

/** The cache model in plain words: lists of lines, the most recent first. Counts after everything changed is written back. */
export function plainCaches(
  geometries: readonly CacheGeometry[],
  accesses: readonly { readonly line: number; readonly isStore: boolean }[],
): LevelLines[] {
  const levels = geometries.map(
    ({ sets, ways }): Level => ({
      ways,
      lists: Array.from({ length: sets }, () => []),
      fetchedLines: 0,
      writtenLines: 0,
    }),
  );
  for (const { line, isStore } of accesses) access(levels, line, isStore);
  for (const [index, { lists }] of levels.entries()) {
    for (const entry of lists.flat()) if (entry.changed) writeBack(levels, index, entry.line);
  }
  return levels.map(({ fetchedLines, writtenLines }) => ({ fetchedLines, writtenLines }));
}

function access(levels: readonly Level[], line: number, isStore: boolean): void {
  const lost: (Entry | undefined)[] = [];
  for (const [index, level] of levels.entries()) {
    const placed = place(level, line, isStore && index === 0);
    if (placed.isHit) break;
    level.fetchedLines++;
    lost[index] = placed.lost;
  }
  for (const [index, entry] of [...lost.entries()].reverse()) if (entry?.changed) writeBack(levels, index, entry.line);
}

function writeBack(levels: readonly Level[], index: number, line: number): void {
  (levels[index] as Level).writtenLines++;
  const next = levels[index + 1];
  if (next === undefined) return;
  const { lost } = place(next, line, true);
  if (lost?.changed) writeBack(levels, index + 1, lost.line);
}

function place({ lists, ways }: Level, line: number, changed: boolean): { isHit: boolean; lost: Entry | undefined } {
  const list = lists[line % lists.length] as Entry[];
  const at = list.findIndex((entry) => entry.line === line);
  const [old] = at >= 0 ? list.splice(at, 1) : [];
  list.unshift({ line, changed: changed || old?.changed === true });
  return { isHit: old !== undefined, lost: list.length > ways ? list.pop() : undefined };
}
