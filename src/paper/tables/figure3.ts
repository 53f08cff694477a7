import { kvBytesReadPerToken } from "../../workload/kv-cache.ts";
import type { PaperTable } from "../cell.ts";
import { costOn } from "../costs.ts";
import type { ReportModel } from "../inputs.ts";

const DRAWN = ["Llama 4 M", "MM M1", "Step-3"] as const satisfies readonly ReportModel[];

const CONTEXTS_K = [8, 32, 128] as const;

/** KV bytes that a step reads and cost on H800 of models with hybrid attention and of Step-3. @source Step-3 report, Figure 3 */
export const figure3: PaperTable = (inputs, convention) =>
  DRAWN.flatMap((row) =>
    CONTEXTS_K.flatMap((k) => {
      const contextTokens = k * 1024;
      return [
        {
          kind: "drawn",
          row,
          column: `KV, ${k}K`,
          unit: "byte",
          computed: kvBytesReadPerToken(inputs.model(row), contextTokens),
        },
        {
          kind: "drawn",
          row,
          column: `cost on H800, ${k}K`,
          unit: "USD per million tokens",
          computed: costOn(inputs, { model: row, contextTokens, convention }, "H800").both,
        },
      ];
    }),
  );
