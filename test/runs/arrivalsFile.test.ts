import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { readArrivals } from "../../src/runs/arrivalsFile.ts";

const folder = mkdtempSync(join(tmpdir(), "afdbench-arrivals-"));
afterAll(() => rmSync(folder, { recursive: true }));
const HEADER = "arrivalSeconds,promptTokens,outputTokens\n";

function read(text: string) {
  const path = join(folder, "requests.csv");
  writeFileSync(path, text);
  return readArrivals(path);
}

describe("readArrivals", () => {
  it("sorts requests by arrival, whatever the order of lines and columns", async () => {
    expect(await read(`${HEADER}1.5,100,10\n0,4000,20\n2e-3,7,1\n`)).toEqual([
      { arrivalNs: 0, promptTokens: 4000, outputTokens: 20 },
      { arrivalNs: 2e6, promptTokens: 7, outputTokens: 1 },
      { arrivalNs: 1.5e9, promptTokens: 100, outputTokens: 10 },
    ]);
    const [request] = await read("\uFEFFoutputTokens, user ,arrivalSeconds,promptTokens\n3,x,0.25,4\n");
    expect(request).toEqual({ arrivalNs: 0.25e9, promptTokens: 4, outputTokens: 3 });
  });

  it.each([
    ["", /expected a header line with arrivalSeconds, promptTokens, outputTokens, got nothing/],
    ["arrivalSeconds,promptTokens\n", /line 1: expected a column outputTokens, got "arrivalSeconds,promptTokens"/],
    [HEADER, /expected at least one line below the header/],
    [`${HEADER}0,1\n`, /line 2, column outputTokens: expected a whole number from 1 to 100000000, got nothing/],
    [`${HEADER}0,1,1\n\n`, /line 3, column arrivalSeconds/],
    [`${HEADER}-1,1,1\n`, /line 2, column arrivalSeconds: expected a number of seconds from 0 to 9000, got "-1"/],
    [`${HEADER}9001,1,1\n`, /arrivalSeconds/],
    [`${HEADER}0,1.5,1\n`, /promptTokens: expected a whole number/],
    [`${HEADER}0,1,0\n`, /outputTokens/],
    [`${HEADER}0,NaN,1\n`, /promptTokens/],
    [`${HEADER}0,"1,1\n`, /requests\.csv: line \d+: expected valid CSV/],
  ])("refuses %j", async (text, message) => {
    await expect(read(text)).rejects.toThrow(message);
  });

  it("names a file that is not there", async () => {
    await expect(readArrivals(join(folder, "request.csv"))).rejects.toThrow(/--arrivals: expected the path of a CSV/);
  });
});
