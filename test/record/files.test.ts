import { mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { checkWritable, saveDocument } from "../../src/record/files.ts";
import { InfeasibleError } from "../../src/units/errors.ts";
import { fixture } from "../report/fixture.ts";

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "afdbench-record-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

describe("saveDocument", () => {
  it("writes the document and nothing else", () => {
    saveDocument(join(folder, "run.json"), fixture);
    expect(readdirSync(folder)).toEqual(["run.json"]);
    expect(JSON.parse(readFileSync(join(folder, "run.json"), "utf8"))).toEqual(fixture);
  });

  it("replaces an older record, behind a link too", () => {
    writeFileSync(join(folder, "old.json"), "old");
    symlinkSync("old.json", join(folder, "link.json"));
    saveDocument(join(folder, "link.json"), fixture);
    expect(readFileSync(join(folder, "old.json"), "utf8")).toContain("afdbench/1");
  });

  it.each([
    ["a folder", () => folder, "it is a directory"],
    ["a path in no folder", () => join(folder, "missing", "run.json"), "its folder does not exist"],
    ["a path below a file", () => join(folder, "file", "run.json"), "a part of the path is not a folder"],
  ])("refuses %s in one sentence", (_name, path, reason) => {
    writeFileSync(join(folder, "file"), "");
    expect(() => saveDocument(path(), fixture)).toThrow(new InfeasibleError(`cannot write "${path()}": ${reason}`));
    expect(() => checkWritable(path())).toThrow(InfeasibleError);
  });
});

describe("checkWritable", () => {
  it("refuses a path that names no file, before anything is done for it", () => {
    expect(() => checkWritable("")).toThrow('cannot write "": it names no file');
  });

  it("leaves nothing behind", () => {
    checkWritable(join(folder, "run.json"));
    expect(readdirSync(folder)).toEqual([]);
  });
});
