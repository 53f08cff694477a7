import { type WireShape, wireBytes, wireCase } from "../kernels/wire.ts";
import type { PlannedRow, RowContext } from "./plannedRow.ts";
import type { WireKernelName } from "./settings.ts";

/** Values that share a scale of an FP8 message. @source DeepSeek-V3 technical report, section 3.3.2: tiles of 1 x 128 */
const fp8Block = 128;

const conversions: Readonly<Record<WireKernelName, Pick<WireShape, "format" | "direction">>> = {
  "wire.quantizeInt8": { format: "int8", direction: "quantize" },
  "wire.dequantizeInt8": { format: "int8", direction: "dequantize" },
  "wire.quantizeFp8": { format: "fp8", direction: "quantize" },
  "wire.dequantizeFp8": { format: "fp8", direction: "dequantize" },
  "wire.quantizeBf16": { format: "bf16", direction: "quantize" },
  "wire.dequantizeBf16": { format: "bf16", direction: "dequantize" },
};

/** The message that one attention instance sends to the FFN side, or gets from it: `batch` rows of the hidden size. */
export function wireRow(kernel: WireKernelName, { card, setting, settings, threads }: RowContext): PlannedRow {
  const { format, direction } = conversions[kernel];
  const width = card.hidden;
  const shape = { format, direction, rows: setting.batch, width, block: fp8Block, seed: settings.seed };
  return {
    fields: {
      kernel,
      shape: `batch=${setting.batch} hidden=${width}${format === "fp8" ? ` block=${fp8Block}` : ""}`,
      batch: setting.batch,
      hidden: width,
      dtype: format,
      threads,
      model: card.name,
    },
    modeled: { flops: 0, valueBytes: 0, storedBytes: 0 },
    terms: [],
    movedBytes: wireBytes(shape),
    build: () => wireCase(shape),
  };
}
