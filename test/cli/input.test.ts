import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { run } from "./terminal.ts";

const folder = mkdtempSync(join(tmpdir(), "afdbench-cli-"));
writeFileSync(join(folder, "broken.json"), '{"hidden_size": 71');
const repeated = join(folder, "repeated.json");
writeFileSync(repeated, '{\n  "name": "one",\n  "name": "one"\n}\n');
const REPEATED = `${repeated}: name (line 3, column 3): expected keys of an object to be unique, got "name"`;
afterAll(() => rmSync(folder, { recursive: true }));

describe("wrong input", () => {
  it.each<[string[], string]>([
    [["benhc"], "Did you mean bench?"],
    [["bench", "--bacth", "1"], "Did you mean --batch?"],
    [["bench", "moe.expertMatmull"], 'did you mean "moe.expertMatmul"?'],
    [["bench", "nothing.*"], "kernel: expected one of"],
    [["bench", "--context", "0"], "--context: expected"],
    [["bench", "attention.core", "--m", "4"], "--m: expected moe.expertMatmul or linear.gemm among the kernels"],
    [["intensity", "moe.router", "--k", "4"], "--k: expected moe.expertMatmul or linear.gemm among the kernels"],
    [["bench", "--batch", "-1"], "--batch: expected"],
    [["bench", "--batch", "1,,2"], "--batch: expected"],
    [["bench", "--dtype", "f16"], "--dtype: expected one of f32, int8"],
    [["bench", "--weight-dtype", "int5"], "--weight-dtype: expected one of f32, int8, int4"],
    [
      ["bench", "moe.layer", "--dtype", "f32", "--weight-dtype", "int4"],
      "--weight-dtype: expected dtypes that --dtype f32",
    ],
    [["bench", "--kv-dtype", "fp9"], "--kv-dtype: expected one of f32, bf16, fp8, int8, int4"],
    [["bench", "--dtype", "int8", "--kv-dtype", "bf16"], "--kv-dtype: expected int8, int4 with --dtype int8"],
    [["bench", "--target", "relax"], 'did you mean "relaxed"?'],
    [["bench", "--threads", "0"], "--threads: expected"],
    [["bench", "--threads", "1000"], "--threads: expected a whole number from 1 to 256"],
    [["bench", "--min-time", "50"], "--min-time: expected a duration"],
    [["bench", "--seed", "-1"], "--seed: expected"],
    [["bench", "--hardware", "h8000"], 'did you mean "h800"?'],
    [["bench", "--config", "x.json", "--model", "step3"], "--config: expected one of the two"],
    [["bench", "--rows", "kernels"], 'did you mean "kernel"?'],
    [["models", "sho"], 'did you mean "show"?'],
    [["models", "show", "deepseekv3"], 'did you mean "deepseek-v3"?'],
    [["models", "show"], "expected the name of a model or --config FILE"],
    [["models", "show", "--config", folder], "this is a directory"],
    [["models", "show", "--config", join(folder, "broken.json")], "breaks off"],
    [["models", "show", "--config", join(folder, "none.json")], "no such file"],
    [["models", "show", "--config", repeated], REPEATED],
    [["hardware", "show", repeated], REPEATED],
    [["cost", "step3", "--hardware", repeated], REPEATED],
    [["simulate", "--from", repeated], REPEATED],
    [["roofline", "--kernels", repeated], REPEATED],
    [["validate", "--data", repeated], REPEATED],
    [["models", "--context", "0"], "--context: expected"],
    [["models", "-o", "tablee"], 'did you mean "table"?'],
    [["models", "--json", "-o", "csv"], "--json: expected one of the two"],
    [["hardware", "show"], "missing required argument 'name'"],
    [["hardware", "show", "h80"], 'did you mean "h800"'],
    [["env", "all"], "too many arguments"],
    [["models", "show", "step3", "kimi-k2"], "too many arguments for 'show'"],
    [["hardware", "show", "h800", "h20"], "too many arguments for 'show'"],
    [["help", "benhc"], "unknown command 'benhc' (Did you mean bench?)"],
    [["bench", "--warmup", "-1"], "--warmup: expected a whole number of at least 0"],
    [["plan", "--model", "step3", "--redundant", "-1"], "--redundant: expected a whole number of at least 0"],
    [["pipeline", "--retries", "-1"], "--retries: expected a whole number of at least 0"],
    [["schema", "banch"], 'did you mean "bench"?'],
  ])("%j is told in one line", async (args, message) => {
    const { exitCode, out, err } = await run(args);
    expect(err).toContain(message);
    expect(err).toMatch(/^afdbench: [^\n]+\n$/);
    expect({ exitCode, out }).toEqual({ exitCode: 2, out: "" });
  });
});
