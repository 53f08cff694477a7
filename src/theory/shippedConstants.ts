import type { FittedConstants } from "./fittedConstants.ts";
import generated from "./latencyConstants.json" with { type: "json" };

/** The constants that ship: `tools/fit.ts` makes them from the published kernel times in evidence/. */
export const SHIPPED_CONSTANTS = generated as unknown as FittedConstants;
