/**
 * Who may import whom. `src` is checked with its type imports, `dist` (the same files after tsc) without them.
 * A comment says what to do where a rule is broken.
 */

const PURE_ROOMS = ["theory", "workload", "model", "hardware", "units"];

/** For each room the rooms that it may import, beside itself and the types of `record`. */
const ROOMS = {
  units: [],
  record: ["units"],
  model: ["units"],
  hardware: ["units"],
  workload: ["model", "units"],
  theory: ["workload", "model", "hardware", "units"],
  simulate: PURE_ROOMS,
  host: ["units"],
  kernels: ["workload", "units"],
  measure: ["kernels", "host", "workload", "units"],
  afd: ["kernels", "host", "workload", "units"],
  paper: ["simulate", ...PURE_ROOMS],
  evidence: ["paper", ...PURE_ROOMS],
  runs: ["record", "evidence", "paper", "simulate", "measure", "afd", "kernels", "host", ...PURE_ROOMS],
  report: ["record", "units"],
  cluster: ["afd", "host", "record", "units"],
  page: ["kernels", "simulate", "record", "report", "theory", "units"],
  cli: ["runs", "report", "record", "units"],
};

/** What the library's face may show. */
const PUBLIC_ROOMS = ["runs", "record", "evidence", "paper", "simulate", ...PURE_ROOMS];

const anyOf = (names) => `(${names.join("|")})`;

function roomRule(room, allowed) {
  const list = allowed.length === 0 ? "no other room" : `only ${allowed.join(", ")}`;
  return {
    name: `room-${room}`,
    comment: `${room}/ may import ${list} (and types of record/): move what you need down into one of them, or hand it over as an argument.`,
    severity: "error",
    from: { path: `^src/${room}/` },
    to: { path: "^src/", pathNot: `^src/${anyOf([room, "record", ...allowed])}/` },
  };
}

// dependency-cruiser does not take TypeScript 7, so swc reads the files, type imports like all others. Where swc does not
// load, dependency-cruiser would skip every TypeScript file without a word, and all rules would pass in vain.
require("@swc/core").parseSync("let read: boolean;", { syntax: "typescript" });

module.exports = {
  forbidden: [
    ...Object.entries(ROOMS).map(([room, allowed]) => roomRule(room, allowed)),
    {
      name: "known-rooms",
      comment:
        "Every file of src/ stands in a room, except index.ts: put it in the room whose work it does; a new room is added to the table in .dependency-cruiser.cjs with what it may import.",
      severity: "error",
      from: {},
      to: { path: "^src/", pathNot: `^src/(${anyOf(Object.keys(ROOMS))}/|index\\.ts$)` },
    },
    {
      name: "face",
      comment: `index.ts shows runs/ and what is public of the pure rooms: ${PUBLIC_ROOMS.join(", ")}; offer what others need from one of them.`,
      severity: "error",
      from: { path: "^src/index\\.ts$" },
      to: { path: "^src/", pathNot: `^src/${anyOf(PUBLIC_ROOMS)}/` },
    },
    {
      name: "face-is-for-outside",
      comment: "Nothing in src/ imports index.ts, which would close a circle: import the file that you mean.",
      severity: "error",
      from: { path: "^src/" },
      to: { path: "^src/index\\.ts$" },
    },
    {
      name: "record-for-types-only",
      comment:
        "Only runs/, report/, cli/, cluster/, page/ and the library's face use record/ at run time; elsewhere write `import type`.",
      severity: "error",
      from: { path: "^dist/", pathNot: "^dist/((record|runs|report|cli|cluster|page)/|index\\.js$)" },
      to: { path: "^dist/record/" },
    },
    {
      name: "no-circles",
      comment:
        "Files never import each other in a circle, not even for types: move what both need into a third file below them.",
      severity: "error",
      from: {},
      to: { circular: true },
    },
    {
      name: "nobody-imports-cli",
      comment:
        "Nobody imports cli/, only tests do: what a command does belongs in runs/, where a program can call it too.",
      severity: "error",
      from: { path: "^(src|bench|tools)/", pathNot: "^src/cli/" },
      to: { path: "^src/cli/" },
    },
    {
      name: "node-at-the-rim",
      comment:
        "node: is imported only in host/, afd/, runs/, cli/, cluster/ and in files named files.ts, so that the rest runs in a browser: read there, and hand over bytes or text.",
      severity: "error",
      from: { path: "^src/", pathNot: ["^src/(host|afd|runs|cli|cluster)/", "/files\\.ts$"] },
      to: { dependencyTypes: ["core"] },
    },
    {
      name: "host-starts-workers",
      comment: "Only host/ starts and talks to worker threads: use its pool.",
      severity: "error",
      from: { path: "^src/", pathNot: "^src/host/" },
      to: { path: ["node_modules/piscina/", "^(node:)?(worker_threads|cluster)$"] },
    },
    {
      name: "source-imports-source",
      comment: "src/ never imports test/, bench/, tools/, assembly/ or dist/: they stand on it, not it on them.",
      severity: "error",
      from: { path: "^src/" },
      to: { path: "^(test|bench|tools|assembly|dist)/" },
    },
    {
      name: "bench-and-tools-import-source",
      comment:
        "bench/ and tools/ import src/ and themselves: a helper that two of them share belongs in src/ or in a package.",
      severity: "error",
      from: { path: "^(bench|tools)/" },
      to: { path: "^(test|bench|tools|assembly|dist)/", pathNot: "^$1/" },
    },
    {
      name: "tests-import-source",
      comment: "test/ imports src/, tools/ and itself, and starts what is in dist/ as a program.",
      severity: "error",
      from: { path: "^test/" },
      to: { path: "^(bench|assembly|dist)/" },
    },
    {
      name: "assembly-is-an-island",
      comment: "assembly/ is another language and imports only itself: kernels get everything else as arguments.",
      severity: "error",
      from: { path: "^assembly/" },
      to: { pathNot: "^assembly/" },
    },
    {
      name: "no-development-dependency-at-run-time",
      comment:
        "An install has no development dependencies: write `import type`, do the work in tools/ at build time, or ask for the package to become a dependency.",
      severity: "error",
      from: { path: "^dist/" },
      // An optional peer is one, too, so that our own build and tests have it.
      to: { dependencyTypes: ["npm-dev"], dependencyTypesNot: ["npm-peer"] },
    },
    {
      name: "imports-resolve",
      comment: "Every import leads to a file: correct its path (with its ending .ts), or write the file.",
      severity: "error",
      from: {},
      to: { couldNotResolve: true },
    },
    {
      name: "only-declared-packages",
      comment:
        "Import only packages that package.json names: others are there by chance. Add it, or use what is there.",
      severity: "error",
      from: { path: "^(src|dist|test|bench|tools)/" },
      to: { dependencyTypes: ["npm-no-pkg", "npm-unknown"] },
    },
  ],
  options: {
    parser: "swc",
    tsPreCompilationDeps: true,
    doNotFollow: { path: "node_modules" },
    exclude: { path: ["^dist/.*\\.d\\.ts$", "^bench/peers/", "^coverage/"] },
    enhancedResolveOptions: {
      extensions: [".ts", ".js", ".json"],
      exportsFields: ["exports"],
      conditionNames: ["import", "node", "types", "default"],
    },
  },
};
