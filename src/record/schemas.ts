import { z } from "zod";
import {
  type BenchRow,
  benchRowSchema,
  deploymentRowSchema,
  kernelRowSchema,
  projectionRowSchema,
} from "./benchRows.ts";
import {
  type EnvRow,
  envRowSchema,
  type HardwareRow,
  hardwareRowSchema,
  type LayersRow,
  layersRowSchema,
  type ModelRow,
  modelRowSchema,
} from "./catalogRows.ts";
import { type CodesignRow, codesignRowSchema } from "./codesignRows.ts";
import { type CostRow, costRowSchema } from "./costRows.ts";
import { type Document, documentSchema } from "./document.ts";
import {
  type IntensityRow,
  intensityCauseRowSchema,
  intensityKernelRowSchema,
  intensityLevelRowSchema,
  intensityRangeRowSchema,
  intensityRowSchema,
  intensityTermRowSchema,
  moduleCallRowSchema,
  moduleRangeRowSchema,
} from "./intensityRows.ts";
import { type PaperRow, paperRowSchema } from "./paperRows.ts";
import {
  type PipelineRow,
  pipelineHandoverRowSchema,
  pipelineInstanceRowSchema,
  pipelineLinkRowSchema,
  pipelineRunRowSchema,
} from "./pipelineRows.ts";
import {
  cutPlanRowSchema,
  deploymentPlanRowSchema,
  frontPlanRowSchema,
  type PlanRow,
  turnPlanRowSchema,
} from "./planRows.ts";
import { type LatencyRow, latencyRowSchema, type PartRow, partRowSchema } from "./projectRows.ts";
import { acceleratorRoofRowSchema, placedRowSchema, type RooflineRow, roofRowSchema } from "./rooflineRows.ts";
import { type SimulateRow, simulateRowSchema } from "./simulateRows.ts";
import { type StressRow, stressRowSchema } from "./stressRows.ts";
import { type MeasurementRow, measurementRowSchema, type SummaryRow, summaryRowSchema } from "./validateRows.ts";

export type BenchDocument = Document<"bench", BenchRow>;
export type IntensityDocument = Document<"intensity", IntensityRow>;
export type ModelsDocument = Document<"models", ModelRow | LayersRow>;
export type HardwareDocument = Document<"hardware", HardwareRow>;
export type CostDocument = Document<"cost", CostRow>;
export type CodesignDocument = Document<"codesign", CodesignRow>;
export type PaperDocument = Document<"paper", PaperRow>;
export type PlanDocument = Document<"plan", PlanRow>;
export type PipelineDocument = Document<"pipeline", PipelineRow>;
export type SimulateDocument = Document<"simulate", SimulateRow>;
export type RooflineDocument = Document<"roofline", RooflineRow>;
export type StressDocument = Document<"stress", StressRow>;
export type ProjectDocument = Document<"project", LatencyRow | PartRow>;
export type ValidateDocument = Document<"validate", MeasurementRow | SummaryRow>;
export type EnvDocument = Document<"env", EnvRow>;

/** Any document that a command of this version prints. */
export type AnyDocument =
  | BenchDocument
  | RooflineDocument
  | IntensityDocument
  | ModelsDocument
  | HardwareDocument
  | CostDocument
  | CodesignDocument
  | PaperDocument
  | PlanDocument
  | SimulateDocument
  | StressDocument
  | PipelineDocument
  | ProjectDocument
  | ValidateDocument
  | EnvDocument;

/** A command that prints a document. */
export type RecordedCommand = AnyDocument["command"];

const SCHEMAS = {
  bench: documentSchema("bench", benchRowSchema),
  roofline: documentSchema(
    "roofline",
    z.discriminatedUnion("row", [roofRowSchema, placedRowSchema, acceleratorRoofRowSchema]),
  ),
  intensity: documentSchema("intensity", intensityRowSchema),
  models: documentSchema("models", z.discriminatedUnion("row", [modelRowSchema, layersRowSchema])),
  hardware: documentSchema("hardware", hardwareRowSchema),
  cost: documentSchema("cost", costRowSchema),
  codesign: documentSchema("codesign", codesignRowSchema),
  project: documentSchema("project", z.discriminatedUnion("row", [latencyRowSchema, partRowSchema])),
  validate: documentSchema("validate", z.discriminatedUnion("row", [measurementRowSchema, summaryRowSchema])),
  paper: documentSchema("paper", paperRowSchema),
  plan: documentSchema(
    "plan",
    z.discriminatedUnion("row", [deploymentPlanRowSchema, cutPlanRowSchema, turnPlanRowSchema, frontPlanRowSchema]),
  ),
  simulate: documentSchema("simulate", simulateRowSchema),
  pipeline: documentSchema(
    "pipeline",
    z.discriminatedUnion("row", [
      pipelineRunRowSchema,
      pipelineInstanceRowSchema,
      pipelineLinkRowSchema,
      pipelineHandoverRowSchema,
    ]),
  ),
  stress: documentSchema("stress", stressRowSchema),
  env: documentSchema("env", envRowSchema),
} as const;

/** Row shapes of each command, the default one first; a command with one shape has no `row` key. */
const ROW_KEYS: Readonly<Record<RecordedCommand, Readonly<Record<string, readonly string[]>>>> = {
  bench: {
    kernel: Object.keys(kernelRowSchema.shape),
    projection: Object.keys(projectionRowSchema.shape),
    deployment: Object.keys(deploymentRowSchema.shape),
  },
  roofline: {
    roof: Object.keys(roofRowSchema.shape),
    kernel: Object.keys(placedRowSchema.shape),
    accelerator: Object.keys(acceleratorRoofRowSchema.shape),
  },
  intensity: {
    kernel: Object.keys(intensityKernelRowSchema.shape),
    term: Object.keys(intensityTermRowSchema.shape),
    range: Object.keys(intensityRangeRowSchema.shape),
    cause: Object.keys(intensityCauseRowSchema.shape),
    level: Object.keys(intensityLevelRowSchema.shape),
    call: Object.keys(moduleCallRowSchema.shape),
    callRange: Object.keys(moduleRangeRowSchema.shape),
  },
  models: { model: Object.keys(modelRowSchema.shape), layers: Object.keys(layersRowSchema.shape) },
  hardware: { accelerator: Object.keys(hardwareRowSchema.shape) },
  cost: { cost: Object.keys(costRowSchema.shape) },
  codesign: { finding: Object.keys(codesignRowSchema.shape) },
  project: { latency: Object.keys(latencyRowSchema.shape), part: Object.keys(partRowSchema.shape) },
  validate: { measurement: Object.keys(measurementRowSchema.shape), summary: Object.keys(summaryRowSchema.shape) },
  paper: { cell: Object.keys(paperRowSchema.shape) },
  plan: {
    deployment: Object.keys(deploymentPlanRowSchema.shape),
    cut: Object.keys(cutPlanRowSchema.shape),
    turn: Object.keys(turnPlanRowSchema.shape),
    front: Object.keys(frontPlanRowSchema.shape),
  },
  simulate: { deployment: Object.keys(simulateRowSchema.shape) },
  pipeline: {
    run: Object.keys(pipelineRunRowSchema.shape),
    instance: Object.keys(pipelineInstanceRowSchema.shape),
    link: Object.keys(pipelineLinkRowSchema.shape),
    handover: Object.keys(pipelineHandoverRowSchema.shape),
  },
  stress: { seed: Object.keys(stressRowSchema.shape) },
  env: { environment: Object.keys(envRowSchema.shape) },
};

/** Commands that `jsonSchemaOf` knows, in the order of the help. */
export const RECORDED_COMMANDS = Object.keys(SCHEMAS) as readonly RecordedCommand[];

/** Names of a command's row shapes, the default one first. */
export function rowShapesOf(command: RecordedCommand): readonly string[] {
  return Object.keys(ROW_KEYS[command]);
}

/** Keys of a row shape in their fixed order; undefined where the command has no such shape. */
export function rowKeysOf(command: RecordedCommand, shape: string): readonly string[] | undefined {
  return ROW_KEYS[command][shape];
}

/** JSON Schema (draft 2020-12) of the document that a command prints; keys carry `unit` and `kind`. */
export function jsonSchemaOf(command: RecordedCommand): Record<string, unknown> {
  return { title: `afdbench ${command}`, ...z.toJSONSchema(SCHEMAS[command]) };
}

/**
 * Checks a value against the schema that its own `command` names and gives it back typed.
 *
 * @throws Error naming the first key that does not fit; a document of our own that throws here is a bug.
 */
export function checkDocument(value: unknown): AnyDocument {
  const { command } = z.object({ command: z.enum(RECORDED_COMMANDS) }).parse(value);
  const result = SCHEMAS[command].safeParse(value);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  throw new Error(`document of ${command}: ${issue?.path.join(".") ?? ""}: ${issue?.message ?? "does not fit"}`);
}
