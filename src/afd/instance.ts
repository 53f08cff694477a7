import { Control, instanceIndex } from "./control.ts";
import { LostMessageError } from "./inbox.ts";
import { InstanceRun } from "./instanceRun.ts";
import type { InstanceTask } from "./instanceTask.ts";
import {
  attentionTogether,
  dismissThreads,
  ffnTogether,
  followFirstThread,
  meetingOf,
  poster,
} from "./instanceThreads.ts";
import { bindAttentionStages, bindFfnStages } from "./stageModel.ts";
import { divisionOf } from "./work.ts";

/** How a thread of an instance ended by itself; an error's name would not come through to the driver. */
export type InstanceEnd = { readonly kind: "done" } | { readonly kind: "lost"; readonly text: string };

/** The resident loop of one thread of an instance; ends when its last stage is over, or the run is stopped. */
export default function runInstance(task: InstanceTask): InstanceEnd {
  try {
    runThread(task);
    return { kind: "done" };
  } catch (error) {
    if (error instanceof LostMessageError) return { kind: "lost", text: error.message };
    throw error;
  }
}

function runThread(task: InstanceTask): void {
  const division = divisionOf(task.work);
  const control = new Control(division, task.faults.length, task.control);
  const self = instanceIndex(division, task.side, task.instance);
  const memory = task.memories[self] as WebAssembly.Memory;
  const meet = meetingOf(control, self, task.threads, task.maySpin);
  if (task.side === "attention") {
    const stages = bindAttentionStages({ ...task, memory }, meet);
    if (task.rank > 0) {
      followFirstThread(control, self, stages, meet, task.maySpin, task.jobsSeen);
      return;
    }
    const together = attentionTogether(stages, poster(control, self, task.threads, meet));
    new InstanceRun(task, division, control, self).attention(together);
  } else {
    const stages = bindFfnStages({ ...task, memory }, meet);
    if (task.rank > 0) {
      followFirstThread(control, self, stages, meet, task.maySpin, task.jobsSeen);
      return;
    }
    const together = ffnTogether(stages, poster(control, self, task.threads, meet));
    new InstanceRun(task, division, control, self).ffn(together);
  }
  dismissThreads(control, self, task.threads);
}
