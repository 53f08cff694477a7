import { awaitChange, barrierWait } from "../host/waiting.ts";
import type { Control } from "./control.ts";
import type { AttentionStages, FfnStages, StagePlace } from "./stages.ts";

/** What the first thread of an instance has the others do. */
const jobs = ["prepare", "run", "rerun", "append", "finish"] as const;
type Job = (typeof jobs)[number];

const end = -1;
const nowhere: StagePlace = { step: 0, layer: 0, microBatch: 0 };

/** Where the threads of an instance meet. */
export function meetingOf(control: Control, instance: number, threads: number, maySpin: boolean): () => void {
  const barrier = control.barrierOf(instance);
  return () => barrierWait(barrier, threads, maySpin);
}

/** The stages of an attention instance's first thread, which all its threads run. */
export function attentionTogether(stages: AttentionStages, post: Post): AttentionStages {
  return {
    prepare: () => post("prepare", nowhere, () => stages.prepare()),
    run: (place) => post("run", place, () => stages.run(place)),
    rerun: (place) => post("rerun", place, () => stages.rerun(place)),
    append: (place) => post("append", place, () => stages.append(place)),
    input: (place) => stages.input(place),
    finish(step, microBatch) {
      let rows: readonly Float32Array[] = [];
      post("finish", { step, layer: 0, microBatch }, () => {
        rows = stages.finish(step, microBatch);
      });
      return rows;
    },
  };
}

export function ffnTogether(stages: FfnStages, post: Post): FfnStages {
  return {
    prepare: () => post("prepare", nowhere, () => stages.prepare()),
    run: (place) => post("run", place, () => stages.run(place)),
  };
}

/** Runs a job's own part between the others' start and the meeting at its end. */
type Post = (job: Job, place: StagePlace, own: () => void) => void;

/** How the first thread hands jobs to `threads - 1` others. */
export function poster(control: Control, instance: number, threads: number, meet: () => void): Post {
  if (threads === 1) return (_job, _place, own) => own();
  const { words } = control;
  return (job, place, own) => {
    Atomics.store(words, control.word(instance, "jobKind"), jobs.indexOf(job));
    Atomics.store(words, control.word(instance, "jobStep"), place.step);
    Atomics.store(words, control.word(instance, "jobLayer"), place.layer);
    Atomics.store(words, control.word(instance, "jobMicroBatch"), place.microBatch);
    Atomics.add(words, control.word(instance, "job"), 1);
    Atomics.notify(words, control.word(instance, "job"));
    own();
    meet();
  };
}

/** Lets the other threads of an instance go. */
export function dismissThreads(control: Control, instance: number, threads: number): void {
  if (threads === 1) return;
  Atomics.store(control.words, control.word(instance, "jobKind"), end);
  Atomics.add(control.words, control.word(instance, "job"), 1);
  Atomics.notify(control.words, control.word(instance, "job"));
}

/** The life of another thread of an instance: does what the first hands it, until it is let go or the run is stopped. */
export function followFirstThread(
  control: Control,
  instance: number,
  stages: AttentionStages | FfnStages,
  meet: () => void,
  maySpin: boolean,
  jobsSeen: number,
): void {
  const { words } = control;
  const word = control.word(instance, "job");
  for (let seen = jobsSeen; ; ) {
    awaitChange(words, word, seen, maySpin);
    seen = Atomics.load(words, word);
    const kind = Atomics.load(words, control.word(instance, "jobKind"));
    if (kind === end || control.isStopped) return;
    const place = {
      step: Atomics.load(words, control.word(instance, "jobStep")),
      layer: Atomics.load(words, control.word(instance, "jobLayer")),
      microBatch: Atomics.load(words, control.word(instance, "jobMicroBatch")),
    };
    doJob(stages, jobs[kind] as Job, place);
    meet();
  }
}

function doJob(stages: AttentionStages | FfnStages, job: Job, place: StagePlace): void {
  if (job === "prepare") stages.prepare();
  else if (job === "run") stages.run(place);
  else if ("rerun" in stages) {
    if (job === "finish") stages.finish(place.step, place.microBatch);
    else stages[job](place);
  }
}
