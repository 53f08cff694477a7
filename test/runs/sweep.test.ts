import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterAll, describe, expect, it } from "vitest";
import { sweep } from "../../src/runs/sweep.ts";

const folder = mkdtempSync(join(tmpdir(), "afdbench-sweep-"));
afterAll(() => rmSync(folder, { recursive: true }));

function workerOf(name: string, code: string): URL {
  const path = join(folder, name);
  writeFileSync(path, code);
  return pathToFileURL(path);
}

/** A number's square, and of a negative number nothing, ever. */
const WORKER = workerOf(
  "square.mjs",
  "export default (task) => task < 0 ? new Promise(() => setInterval(() => {}, 1000)) : task * task;",
);
const square = (task: number) => task * task;

describe("sweep", () => {
  it.each([1, 2, 3])("gives results in the order of the tasks on %i threads", async (threads) => {
    const done: number[] = [];
    const { signal } = new AbortController();
    const tasks = Array.from({ length: 20 }, (_, index) => index);
    const results = await sweep({
      ...{ tasks, workerUrl: WORKER, threads, signal, here: square },
      onDone: (index) => done.push(index),
    });
    expect(results).toEqual(tasks.map(square));
    expect(done.toSorted((one, other) => one - other)).toEqual(tasks);
  });

  it.each([1, 2])("keeps what is done when it is aborted, on %i threads", async (threads) => {
    const controller = new AbortController();
    const results = await sweep({
      tasks: [3, -1, -2, 4],
      workerUrl: WORKER,
      threads,
      signal: controller.signal,
      here: square,
      onDone: () => controller.abort(),
    });
    expect(results).toEqual([9, undefined, undefined, undefined]);
  });

  it("fails with the first task that fails", async () => {
    const failing = workerOf("failing.mjs", "export default () => { throw new Error('no'); };");
    const { signal } = new AbortController();
    const work = { tasks: [1, 2], workerUrl: failing, threads: 2, signal, here: square, onDone() {} };
    await expect(sweep(work)).rejects.toThrow("no");
  });
});
