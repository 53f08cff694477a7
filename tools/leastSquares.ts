import { levenbergMarquardt } from "ml-levenberg-marquardt";
import type { LeastSquares } from "../src/evidence/fit.ts";

const ITERATIONS = 14;
const STEP = 1e-4;

/** Levenberg-Marquardt over residuals: the library fits a curve, so the curve is the residual by its index, and its aim is 0. */
export const solveLeastSquares: LeastSquares = (residuals, start) => {
  const x = residuals(start).map((_, index) => index);
  const { parameterValues } = levenbergMarquardt(
    { x, y: x.map(() => 0) },
    (parameters) => {
      const values = residuals(parameters);
      return (index) => values[index] ?? 0;
    },
    {
      initialValues: [...start],
      damping: 1,
      gradientDifference: STEP,
      maxIterations: ITERATIONS,
      errorTolerance: 1e-9,
      minValues: start.map((value) => value - 4),
      maxValues: start.map((value) => value + 4),
    },
  );
  return parameterValues;
};
