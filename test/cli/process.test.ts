import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { complaintAboutNode } from "../../src/cli/nodeVersion.ts";

const PROGRAM = fileURLToPath(new URL("../../src/cli/afdbench.ts", import.meta.url));

function afdbench(...args: string[]) {
  return spawnSync(process.execPath, [PROGRAM, ...args], { encoding: "utf8" });
}

describe("afdbench as a process", () => {
  it("prints data on stdout alone", () => {
    const { status, stdout, stderr } = afdbench("hardware", "-o", "csv");
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
    expect(stdout.split("\n")[0]).toContain("accelerator,usdPerHour");
  });

  it.skipIf(!existsSync("/dev/full"))("exits 3 where its output finds no room", () => {
    const script = `${process.execPath} ${PROGRAM} hardware > /dev/full`;
    const { status, stderr } = spawnSync("bash", ["-c", script], { encoding: "utf8" });
    expect({ status, stderr }).toEqual({
      status: 3,
      stderr: "afdbench: cannot write its output: the disk is full\n",
    });
  });

  it("exits 2 on wrong input", () => {
    const { status, stdout, stderr } = afdbench("models", "show", "stepp3");
    expect({ status, stdout }).toEqual({ status: 2, stdout: "" });
    expect(stderr).toContain('did you mean "step3"');
  });

  it("writes files to a pipe as well", () => {
    const script = `${process.execPath} ${PROGRAM} cost step3 -o csv --save /dev/stdout | cat`;
    const { status, stdout, stderr } = spawnSync("bash", ["-o", "pipefail", "-c", script], { encoding: "utf8" });
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
    expect(stdout).toContain('"command": "cost"');
  });

  it("ends without a word where its reader leaves", () => {
    const script = `${process.execPath} ${PROGRAM} schema bench | head -n 1`;
    const { status, stderr } = spawnSync("bash", ["-o", "pipefail", "-c", script], { encoding: "utf8" });
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
  });
});

describe("complaintAboutNode", () => {
  it.each(["22.13.0", "24.0.0", "26.10.0"])("has nothing against %s", (version) => {
    expect(complaintAboutNode(version)).toBeUndefined();
  });

  it.each(["20.20.2", "22.12.9", "18.0.0"])("says of %s what to do", (version) => {
    expect(complaintAboutNode(version)).toMatch(/too old .* install Node 22\.13 or newer/);
  });
});
