/**
 * Our kernels beside other libraries, on the same inputs and under the same flags, in interleaved rounds.
 *
 *   npm run bench:peers -- [--quick] [--revectorize] [--json] [--save FILE] [--only TEXT]
 */
import { spawnSync } from "node:child_process";
import { existsSync, writeFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { readCaches } from "../../src/host/caches.ts";
import { complaintAboutEngine, revectorizeFlag } from "../../src/host/vectorWidth.ts";
import { readKernelModule } from "../../src/kernels/files.ts";
import { recordEnvironment } from "../../src/runs/environment.ts";
import { type BenchHost, onHost, roofLine } from "../host.ts";
import { nameOf } from "../works.ts";
import { measureWork, type PeerRow } from "./measure.ts";
import type { Peer } from "./peer.ts";
import { type PlannedWork, plannedWorks } from "./rows.ts";
import { tableOf } from "./table.ts";

const folder = fileURLToPath(new URL(".", import.meta.url));
const boolean = { type: "boolean", default: false } as const;
const say = (text: string): void => void process.stderr.write(`${text}\n`);

const options = readOptions();
process.exit(await main());

function readOptions() {
  try {
    const text = { type: "string" } as const;
    return parseArgs({ options: { quick: boolean, revectorize: boolean, json: boolean, save: text, only: text } })
      .values;
  } catch (error) {
    const known = "known are --quick, --revectorize, --json, --save FILE, --only TEXT";
    say(`bench:peers: ${error instanceof Error ? error.message.split(".")[0] : String(error)}; ${known}`);
    process.exit(2);
  }
}

async function main(): Promise<number> {
  if (!existsSync(`${folder}node_modules`)) install();
  if (options.revectorize && !process.execArgv.includes(revectorizeFlag)) return inChild();
  const rows: PeerRow[] = [];
  const notes: string[] = [];
  const works = chosenWorks(notes);
  if (works.length === 0) {
    say(`bench:peers: no work has "${options.only ?? ""}" in its line: try --only matmul`);
    return 2;
  }
  const peers = await startPeers(notes);
  const sampling = options.quick ? { rounds: 5, samples: 3, sampleMs: 5 } : { rounds: 7, samples: 5, sampleMs: 10 };
  await onHost(1, async (one) => {
    say(roofLine(one));
    const measureAll = async (two: BenchHost | undefined): Promise<void> => {
      for (const [index, planned] of works.entries()) {
        say(
          `[${String(index + 1).padStart(String(works.length).length)}/${works.length}] ${nameOf(planned.work)} ${planned.work.dtype}`,
        );
        const goals = options.revectorize ? planned.revectorized : planned.plain;
        const flags = options.revectorize ? revectorizeFlag : "";
        const hosts = { one, ...(two === undefined ? {} : { two }) };
        const measured = await measureWork(planned, goals, peers, hosts, sampling, flags);
        rows.push(...measured.rows);
        notes.push(...measured.notes);
      }
    };
    if (options.quick || availableParallelism() < 2) await measureAll(undefined);
    else await onHost(2, measureAll);
    notes.push(roofLine(one));
    const document = {
      schema: "afdbench-peers/1",
      command: "bench:peers",
      environment: recordEnvironment(one.target),
      rows,
      notes,
    };
    const text = `${JSON.stringify(document, undefined, 2)}\n`;
    if (options.save !== undefined) writeFileSync(options.save, text);
    process.stdout.write(options.json ? text : tableOf(document));
  });
  return 0;
}

/** The packages of this folder, which the top package.json knows nothing of. */
function install(): void {
  say("bench:peers: installing the peers (some hundred MB, once)");
  const npm = process.env["npm_execpath"];
  const [command, args] = npm === undefined ? ["npm", []] : [process.execPath, [npm]];
  const { status } = spawnSync(command, [...args, "ci"], { cwd: folder, stdio: ["ignore", 2, 2] });
  if (status !== 0) throw new Error("npm ci in bench/peers failed; its messages stand above");
}

/** The same again under V8's flag, for all sides. */
function inChild(): number {
  const complaint = complaintAboutEngine(process.versions.node, process.arch);
  if (complaint !== undefined) {
    say(`bench:peers: ${complaint}`);
    return 3;
  }
  const script = fileURLToPath(import.meta.url);
  const { status } = spawnSync(process.execPath, [revectorizeFlag, script, ...process.argv.slice(2)], {
    stdio: "inherit",
  });
  return status ?? 1;
}

/** Those that start here; what stands in the way of another one becomes a note. */
async function startPeers(notes: string[]): Promise<readonly Peer[]> {
  const makers: Readonly<Record<string, () => Promise<Peer>>> = {
    "LiteRT.js": async () => (await import("./litert.ts")).litert(),
    "onnxruntime-web": async () => (await import("./onnxruntime.ts")).onnxruntimeWeb(),
    "tfjs-backend-wasm": async () => (await import("./tfjs.ts")).tfjs(),
    "onnxruntime-node": async () => (await import("./onnxruntime.ts")).onnxruntimeNode(),
  };
  const peers: Peer[] = [];
  for (const [name, make] of Object.entries(makers).slice(0, options.quick ? 1 : undefined)) {
    try {
      peers.push(await make());
    } catch (error) {
      notes.push(`${name} does not start here: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
  return peers;
}

/** Works that were asked for and have a kernel here. */
function chosenWorks(notes: string[]): readonly PlannedWork[] {
  const { l2, l3 } = readCaches();
  const hasInt4 = new TextDecoder("latin1").decode(readKernelModule("simd", "plain")).includes("matmulInt4");
  if (!hasInt4) notes.push("int4: left out, there is no int4 kernel yet");
  return plannedWorks((l3 ?? l2).sizeBytes)
    .filter(({ quick }) => quick || !options.quick)
    .filter(({ work }) => (work.dtype as string) !== "int4" || hasInt4)
    .filter(({ work }) => `${nameOf(work)} ${work.dtype}`.includes(options.only ?? ""));
}
