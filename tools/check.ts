/**
 * The whole check, `npm test`: every step runs, whatever became of those before it; the last line counts.
 */
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { commandOf, runScript } from "./program.ts";
import { type Tally, tallyLine, tallyStep, tallyVitest, type VitestReport } from "./tally.ts";

/** In the order in which they run: `imports` reads dist/, which `build` makes. */
const STEPS = [
  { name: "build", args: ["tools/build.ts"] },
  { name: "types", args: [commandOf("typescript", "tsc"), "--noEmit"] },
  {
    name: "lint and format",
    args: [commandOf("@biomejs/biome", "biome"), "ci", "--error-on-warnings", "--colors=off"],
  },
  {
    name: "import rules",
    args: [commandOf("dependency-cruiser", "depcruise"), "--output-type", "err-long", "."],
  },
  { name: "dead code", args: [commandOf("knip")] },
];

const tallies: Tally[] = [];
for (const { name, args } of STEPS) {
  const started = performance.now();
  const { exitCode, output } = await runScript(args, "kept");
  report(name, exitCode, started);
  if (exitCode !== 0) process.stdout.write(`${output.trim()}\n\n`);
  tallies.push(tallyStep(exitCode));
}
tallies.push(await runVitest());
console.log(tallyLine(tallies));
process.exitCode = tallies.some(({ failed }) => failed > 0) ? 1 : 0;

async function runVitest(): Promise<Tally> {
  const started = performance.now();
  const folder = mkdtempSync(join(tmpdir(), "afdbench-check-"));
  try {
    const file = join(folder, "vitest.json");
    const { exitCode } = await runScript(
      [commandOf("vitest"), "run", "--reporter=default", "--reporter=json", `--outputFile.json=${file}`],
      "shown",
    );
    report("tests", exitCode, started);
    return tallyVitest(
      existsSync(file) ? (JSON.parse(readFileSync(file, "utf8")) as VitestReport) : undefined,
      exitCode,
    );
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function report(name: string, exitCode: number, started: number): void {
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  console.log(`${exitCode === 0 ? "✓" : "✗"} ${name} (${seconds} s)`);
}
