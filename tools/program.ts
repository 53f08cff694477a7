import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

/** The repository's top folder. */
export const ROOT = fileURLToPath(new URL("..", import.meta.url));

/** A program that ended. */
export interface Ended {
  readonly exitCode: number;
  /** What it wrote to stdout and stderr; empty where it wrote to this terminal. */
  readonly output: string;
}

/** Path of a script that an installed package offers as a command. */
export function commandOf(packageName: string, command = packageName): string {
  const folder = `${ROOT}node_modules/${packageName}`;
  const { bin } = JSON.parse(readFileSync(`${folder}/package.json`, "utf8")) as {
    bin: string | Record<string, string>;
  };
  const path = typeof bin === "string" ? bin : bin[command];
  if (path === undefined) throw new Error(`${packageName} has no command ${command}`);
  return `${folder}/${path}`;
}

/** Runs a script on this Node from the repository's top folder; its output is kept, or `shown` as it comes. */
export function runScript(args: readonly string[], output: "kept" | "shown"): Promise<Ended> {
  const child = spawn(process.execPath, args, {
    cwd: ROOT,
    stdio: output === "shown" ? ["ignore", "inherit", "inherit"] : ["ignore", "pipe", "pipe"],
  });
  let kept = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding("utf8").on("data", (text: string) => {
      kept += text;
    });
  }
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (exitCode, signal) => {
      const ending = signal === null ? "" : `ended by ${signal}\n`;
      resolve({ exitCode: exitCode ?? 1, output: kept + ending });
    });
  });
}
