/**
 * The module that threads run, beside the one that names it: as source or as built, like that.
 * @param besideUrl import.meta.url of the module that names it
 * @param name without its ending
 */
export function workerModule(besideUrl: string, name: string): URL {
  return new URL(`./${name}.${besideUrl.endsWith(".ts") ? "ts" : "js"}`, besideUrl);
}
