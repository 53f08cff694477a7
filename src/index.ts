export type { Accelerator, FigureName, PricedAccelerator } from "./hardware/accelerator.ts";
export { FIGURE_NAMES, requirePrice } from "./hardware/accelerator.ts";
export { acceleratorNames, loadAccelerator, reportAcceleratorNames } from "./hardware/catalog.ts";
export type {
  Activation,
  AttentionSpec,
  DenseFfnSpec,
  FfnSpec,
  GroupedSpec,
  LayerSpec,
  LinearSpec,
  MfaSpec,
  MlaSpec,
  ModelCard,
  MoeFfnSpec,
  RouterSpec,
  SoftmaxSpec,
  Span,
} from "./model/card.ts";
export { cardJsonSchema } from "./model/cardSchema.ts";
export { loadCatalogModel, modelNames } from "./model/catalog.ts";
export { readModelFile } from "./model/files.ts";
export { readHandWrittenCard } from "./model/handWrittenCard.ts";
export { attentionParameters, parametersActivated, parametersTotal, swigluParameters } from "./model/parameters.ts";
export { readModelConfig } from "./model/reader.ts";
export type { Llama3Scaling, LongRopeScaling, RopeScaling, YarnScaling } from "./model/ropeScaling.ts";
export type {
  BenchRow,
  Bound,
  DeploymentRow,
  KernelRow,
  ProjectionRow,
  Status,
} from "./record/benchRows.ts";
export {
  benchRowSchema,
  deploymentRowSchema,
  kernelRowSchema,
  projectionRowSchema,
  STATUSES,
} from "./record/benchRows.ts";
export type { EnvRow, HardwareRow, LayersRow, ModelRow } from "./record/catalogRows.ts";
export { envRowSchema, hardwareRowSchema, layersRowSchema, modelRowSchema } from "./record/catalogRows.ts";
export type { CodesignRow } from "./record/codesignRows.ts";
export { codesignRowSchema } from "./record/codesignRows.ts";
export type { CostRow } from "./record/costRows.ts";
export { costRowSchema } from "./record/costRows.ts";
export type { Document, Environment } from "./record/document.ts";
export { DOCUMENT_SCHEMA, environmentSchema } from "./record/document.ts";
export { saveDocument } from "./record/files.ts";
export type {
  IntensityCauseRow,
  IntensityKernelRow,
  IntensityRangeRow,
  IntensityRow,
  IntensityTermRow,
  ModuleCallRow,
  ModuleRangeRow,
} from "./record/intensityRows.ts";
export { intensityRowSchema } from "./record/intensityRows.ts";
export type { PaperRow } from "./record/paperRows.ts";
export { paperRowSchema } from "./record/paperRows.ts";
export type {
  PipelineHandoverRow,
  PipelineInstanceRow,
  PipelineLinkRow,
  PipelineRow,
  PipelineRunRow,
} from "./record/pipelineRows.ts";
export {
  PIPELINE_STATUSES,
  pipelineHandoverRowSchema,
  pipelineInstanceRowSchema,
  pipelineLinkRowSchema,
  pipelineRunRowSchema,
} from "./record/pipelineRows.ts";
export type { CutPlanRow, DeploymentPlanRow, FrontPlanRow, PlanRow, TurnPlanRow } from "./record/planRows.ts";
export {
  cutPlanRowSchema,
  deploymentPlanRowSchema,
  frontPlanRowSchema,
  turnPlanRowSchema,
} from "./record/planRows.ts";
export type { LatencyRow, PartRow } from "./record/projectRows.ts";
export { latencyRowSchema, partRowSchema } from "./record/projectRows.ts";
export type { AcceleratorRoofRow, PlacedRow, RooflineRow, RoofRow } from "./record/rooflineRows.ts";
export { acceleratorRoofRowSchema, placedRowSchema, roofRowSchema } from "./record/rooflineRows.ts";
export type {
  AnyDocument,
  BenchDocument,
  CodesignDocument,
  CostDocument,
  EnvDocument,
  HardwareDocument,
  IntensityDocument,
  ModelsDocument,
  PaperDocument,
  PipelineDocument,
  PlanDocument,
  ProjectDocument,
  RecordedCommand,
  RooflineDocument,
  SimulateDocument,
  ValidateDocument,
} from "./record/schemas.ts";
export { checkDocument, jsonSchemaOf, RECORDED_COMMANDS } from "./record/schemas.ts";
export type { SimulateRow } from "./record/simulateRows.ts";
export { simulateRowSchema } from "./record/simulateRows.ts";
export type { StressRow, StressStatus } from "./record/stressRows.ts";
export { STRESS_STATUSES, stressRowSchema } from "./record/stressRows.ts";
export { documentText } from "./record/text.ts";
export type { MeasurementRow, SummaryRow } from "./record/validateRows.ts";
export { measurementRowSchema, summaryRowSchema } from "./record/validateRows.ts";
export { readArrivals } from "./runs/arrivalsFile.ts";
export { bench } from "./runs/bench.ts";
export { readBenchRecord } from "./runs/benchRecord.ts";
export type { CodesignSettings } from "./runs/codesign.ts";
export { codesign } from "./runs/codesign.ts";
export type { ContextSpread } from "./runs/contextSpread.ts";
export { readContextSpread } from "./runs/contextSpreadFile.ts";
export type { CostSettings } from "./runs/cost.ts";
export { cost } from "./runs/cost.ts";
export { env } from "./runs/environment.ts";
export type { ExpertChoice } from "./runs/expertChoice.ts";
export { readExpertLoad } from "./runs/expertLoadFile.ts";
export type { ChosenHardware, HardwareChoice, HardwareItem } from "./runs/hardware.ts";
export { acceleratorFileSchema, chooseHardware, hardware, readHardware, showHardware } from "./runs/hardware.ts";
export type { IntensityOutcome, IntensitySettings } from "./runs/intensity.ts";
export { intensity } from "./runs/intensity.ts";
export type { AttentionKernel, RecordChoice, RecordRows } from "./runs/measuredStages.ts";
export type { ModelChoice, ModelsSettings } from "./runs/models.ts";
export { loadModel, models, showModel } from "./runs/models.ts";
export type { ModuleIntensityOutcome, ModuleIntensitySettings } from "./runs/moduleIntensity.ts";
export { moduleIntensity } from "./runs/moduleIntensity.ts";
export type { PaperOutcome, PaperSettings } from "./runs/paper.ts";
export { paper } from "./runs/paper.ts";
export { pipeline } from "./runs/pipeline.ts";
export type {
  EmulatedStages,
  KernelStages,
  MicroBatching,
  PipelineOutcome,
  PipelineSettings,
  StageChoice,
  Wire,
} from "./runs/pipelineSettings.ts";
export type { PlanSettings } from "./runs/plan.ts";
export { plan } from "./runs/plan.ts";
export type { ProjectSettings } from "./runs/project.ts";
export { project } from "./runs/project.ts";
export type { RooflineKernels, RooflineOutcome, RooflineSettings, RoofTarget } from "./runs/roofline.ts";
export { roofline } from "./runs/roofline.ts";
export type { BenchOutcome, BenchSettings, Dtype, KernelName, ProgressEvent, TargetName } from "./runs/settings.ts";
export { DEFAULT_KERNELS, KERNELS } from "./runs/settings.ts";
export type { SimulateOutcome } from "./runs/simulate.ts";
export { simulate } from "./runs/simulate.ts";
export type {
  ChosenArrivals,
  GivenStages,
  InstanceCounts,
  RequestChoice,
  SimulateConditions,
  SimulateSettings,
  Straggler,
} from "./runs/simulateSettings.ts";
export type { StressLength, StressOutcome, StressSettings } from "./runs/stress.ts";
export { stress } from "./runs/stress.ts";
export type { ValidateSettings } from "./runs/validate.ts";
export { validate } from "./runs/validate.ts";
export type { DecodeRequest, RandomArrivals } from "./simulate/arrivals.ts";
export { randomArrivals } from "./simulate/arrivals.ts";
export type { Cluster, ClusterChoice, Outage, RandomFailures } from "./simulate/cluster.ts";
export { clusterOf } from "./simulate/cluster.ts";
export type { EmulatedPipeline } from "./simulate/emulatedTpot.ts";
export { emulatedTpotNs } from "./simulate/emulatedTpot.ts";
export { ClusterEngine } from "./simulate/engine.ts";
export type { ExpertPopularity } from "./simulate/expertLoad.ts";
export type { LinkKind } from "./simulate/linkKind.ts";
export type { Jitter } from "./simulate/random.ts";
export type { RequestLoad, RequestSettings } from "./simulate/requestLoad.ts";
export { requestLoad } from "./simulate/requestLoad.ts";
export type { SteadyLoad, SteadySettings } from "./simulate/steadyLoad.ts";
export { steadyLoad } from "./simulate/steadyLoad.ts";
export type { AttentionPrecision, AttentionRates } from "./theory/attentionStage.ts";
export { ATTENTION_PRECISIONS } from "./theory/attentionStage.ts";
export type { DecodeCost, Drafting, PricedRoofs, UnitCost } from "./theory/decodeCost.ts";
export { cheapestPairing, decodeCost, NO_DRAFTS, pricedRoofs, tokensPerStep, unitCost } from "./theory/decodeCost.ts";
export type { Deployment, DeploymentTerm, DeploymentWork } from "./theory/deployment.ts";
export { cheapestDeployment, deployments } from "./theory/deployment.ts";
export type { Efficiency, SourcedConstant } from "./theory/efficiency.ts";
export { EFFICIENCY, EFFICIENCY_SOURCES, IDEAL } from "./theory/efficiency.ts";
export type { PlainDeployment, PlainLayerRates, PlainSetting } from "./theory/expertParallel.ts";
export { plainLayerTimes, plainRates, plainStepTime } from "./theory/expertParallel.ts";
export type { AcceleratorPeaks } from "./theory/families.ts";
export type { FfnGroup, FfnParallelism, FfnRates } from "./theory/ffnStage.ts";
export { FFN_PARALLELISMS } from "./theory/ffnStage.ts";
export type { FittedConstants } from "./theory/fittedConstants.ts";
export type { LinkUse, PipelineBound, PipelineTime, PipelineTimes, TransferTimes } from "./theory/pipeline.ts";
export { microBatchesToHide, pipelineTime } from "./theory/pipeline.ts";
export type { ComputePrecision, Peak, PrecisionChoice } from "./theory/precision.ts";
export { PRECISION_CHOICES, peakFor } from "./theory/precision.ts";
export type { KernelDtype, Projection } from "./theory/projection.ts";
export { projectKernel, roofsFor } from "./theory/projection.ts";
export type { ProjectedLatency } from "./theory/projectLatency.ts";
export { engineNames, projectLatency } from "./theory/projectLatency.ts";
export type { Roofs, Work } from "./theory/roofline.ts";
export { attainableFlopsPerSecond, boundOf, ridgeFlopsPerByte, roofTimeNs } from "./theory/roofline.ts";
export { SHIPPED_CONSTANTS } from "./theory/shippedConstants.ts";
export type { SparsitySetting } from "./theory/sparsity.ts";
export {
  denseBatchTokens,
  expertsForSparsity,
  leastSparsity,
  moeBatchTokens,
  moeSparsity,
} from "./theory/sparsity.ts";
export type { AttentionFeasibility, ByteBudget, ByteLimit } from "./theory/stageBudget.ts";
export {
  attentionFeasibility,
  attentionWeightBytesPerCard,
  byteBudget,
  bytesPerLayer,
  cardsForFfn,
  sequencesPerCard,
  stageNs,
} from "./theory/stageBudget.ts";
export type { AfdDeployment, AttentionGroup, StageRates, StageSetting } from "./theory/stageTimes.ts";
export { stageRates, stageTimes } from "./theory/stageTimes.ts";
export { InfeasibleError, type InvalidInput, InvalidInputError } from "./units/errors.ts";
export type { KernelShape } from "./workload/kernelShape.ts";
export type { KvFormat } from "./workload/kv-cache.ts";
export {
  attendedTokens,
  kvBytesPerCachedToken,
  kvBytesReadPerToken,
  kvRowBytes,
  layerKvBytes,
  stateElements,
} from "./workload/kv-cache.ts";
export type { FlopConvention, TokenSetting, TokenWork } from "./workload/per-token.ts";
export {
  attentionFlopsPerByte,
  attentionFlopsPerCachedToken,
  attentionFlopsPerToken,
  effectiveRank,
  ffnFlopsPerToken,
  layerAttentionFlops,
  projectionFlopsPerToken,
  tokenWork,
} from "./workload/per-token.ts";
export type { DecodeSetting } from "./workload/setting.ts";
export { ffnTokens } from "./workload/setting.ts";
export type { ModelTerm, Side, Term, TermLabel } from "./workload/terms.ts";
export { intensityFlopsPerByte, layerTerms, modelTerms } from "./workload/terms.ts";
