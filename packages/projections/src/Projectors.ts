import type { Projector } from "./Projector.ts";
import { activities } from "./projectors/Activities.ts";
import { approvals } from "./projectors/Approvals.ts";
import { checkpoints } from "./projectors/Checkpoints.ts";
import { messages } from "./projectors/Messages.ts";
import { projects } from "./projectors/Projects.ts";
import { sessions } from "./projectors/Sessions.ts";
import { threads } from "./projectors/Threads.ts";
import { turns } from "./projectors/Turns.ts";

/** Every projector, one table each. All of them feed the snapshot. */
export const PROJECTORS: ReadonlyArray<Projector> = [
  projects,
  threads,
  messages,
  activities,
  sessions,
  turns,
  checkpoints,
  approvals,
];
