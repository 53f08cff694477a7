/** What a kernel module exports: plain functions of numbers (pointers, strides, counts), and counters where it is instrumented. */
export type KernelExports = Readonly<Record<string, ((...args: (number | bigint)[]) => number | bigint) | unknown>>;

/** The kernel function of that name. @throws Error where the module lacks it (a build out of step with the bindings). */
export function kernelFunction(
  exports: KernelExports,
  name: string,
): (...args: (number | bigint)[]) => number | bigint {
  const found = exports[name];
  if (typeof found !== "function") throw new Error(`the kernel module has no export ${name}`);
  return found as (...args: (number | bigint)[]) => number | bigint;
}
