import aiconfiguratorA100 from "./data/aiconfigurator-a100.json" with { type: "json" };
import aiconfiguratorComm from "./data/aiconfigurator-comm.json" with { type: "json" };
import aiconfiguratorH100 from "./data/aiconfigurator-h100.json" with { type: "json" };
import ascend910b from "./data/ascend-910b.json" with { type: "json" };
import deepgemm from "./data/deepgemm.json" with { type: "json" };
import endToEnd from "./data/end-to-end.json" with { type: "json" };
import frontier from "./data/frontier.json" with { type: "json" };
import infersimH20 from "./data/infersim-h20.json" with { type: "json" };
import infersimH800 from "./data/infersim-h800.json" with { type: "json" };
import publishedPoints from "./data/published-points.json" with { type: "json" };
import vidur from "./data/vidur.json" with { type: "json" };
import { type Measurements, readMeasurements } from "./reader.ts";

/** Files that ship, each with its source, licence and caveats. */
const FILES: Readonly<Record<string, unknown>> = {
  "aiconfigurator-a100.json": aiconfiguratorA100,
  "aiconfigurator-comm.json": aiconfiguratorComm,
  "aiconfigurator-h100.json": aiconfiguratorH100,
  "ascend-910b.json": ascend910b,
  "deepgemm.json": deepgemm,
  "end-to-end.json": endToEnd,
  "frontier.json": frontier,
  "infersim-h20.json": infersimH20,
  "infersim-h800.json": infersimH800,
  "published-points.json": publishedPoints,
  "vidur.json": vidur,
};

/** The measurements that ship, file by file. */
export function shippedMeasurements(): readonly Measurements[] {
  return Object.entries(FILES).map(([file, content]) => readMeasurements(content, file));
}
