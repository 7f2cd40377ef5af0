/**
 * A server that is killed again and again, at moments that a seed chooses, while clients work; and what it has answered
 * held against its database. `HEDDLE_KILL_SEED` and `HEDDLE_KILLS` repeat or lengthen it.
 */
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { assert, describe, it } from "vitest";
import { createProject, createThread } from "./conversation.ts";
import { copyDatabase, headOf, rebuildDiffers } from "./kill-loop/copies.ts";
import { Follower, ThreadFollower } from "./kill-loop/follower.ts";
import { findFaults } from "./kill-loop/independent-check.ts";
import { Ledger } from "./kill-loop/ledger.ts";
import { type Client, EVERYTHING, inventPrompt, TALKING, work, World } from "./kill-loop/load.ts";
import { SeededRandom } from "./kill-loop/random.ts";
import { type Life, Lives } from "./kill-loop/standby.ts";
import type { Json, RawClient } from "./raw-client.ts";
import { makeRepository, temporaryFolder } from "./server-process.ts";

const KILLS = Number(process.env["HEDDLE_KILLS"] ?? 100);
const SEED = Number(process.env["HEDDLE_KILL_SEED"] ?? Date.now() % 1_000_000_000);
const CLIENTS = ["ada", "bob", "cyd"];
const WIDTH = 5;
const BUDGET = 60;
/** Kills between two looks at the database. */
const LOOK_EVERY = 10;

/** What an agent does in its turn, as its events tell. */
const AGENT_EVENTS = [
  "thread.session-set",
  "thread.turn-started",
  "thread.message-sent",
  "thread.approval-requested",
  "thread.activity-appended",
  "thread.turn-completed",
];
/** An agent may have nothing of that kind to do. */
const AGENT_PATIENCE = 3_000;

/** When a life ends: `answers` counts those of that life; else so many milliseconds after something. */
type Moment =
  | { readonly after: "begin" | "listening"; readonly milliseconds: number }
  | { readonly after: "answers"; readonly answers: number }
  | { readonly after: "event"; readonly eventType: string; readonly milliseconds: number };

const chooseMoment = (random: SeededRandom): Moment => {
  const dice = random.next();
  if (dice < 0.2) return { after: "begin", milliseconds: random.between(0, 250) };
  if (dice < 0.3) return { after: "listening", milliseconds: random.between(0, 20) };
  if (dice < 0.55) {
    const eventType = random.pick(AGENT_EVENTS) ?? "";
    return { after: "event", eventType, milliseconds: random.between(0, 60) };
  }
  return { after: "answers", answers: random.between(1, CLIENTS.length * BUDGET) };
};

/** Turns and requests of a snapshot that claim to be alive although they are from before `head`. */
const ghosts = (snapshot: Json, seen: ReadonlyArray<Json>, head: number): ReadonlyArray<string> => {
  const born = new Map<string, number>();
  for (const { eventType, payload, sequence } of seen) {
    if (eventType === "thread.turn-started") born.set(payload.turnId, sequence);
    if (/^thread\.(approval|user-input)-requested$/.test(eventType)) born.set(payload.requestId, sequence);
  }
  const alive = snapshot.threads.flatMap(({ turns, pendingApprovals }: Json) => [
    ...turns.filter(({ status }: Json) => status === "running").map(({ turnId }: Json) => turnId),
    ...pendingApprovals
      .filter(({ status }: Json) => status === "pending")
      .map((each: Json) => each.requestId),
  ]);
  return alive.filter((id: string) => (born.get(id) ?? Infinity) <= head);
};

describe("a server that is killed over and over", () => {
  it(
    `keeps what it answered, once and in order, over ${KILLS} kills`,
    { timeout: 600_000 },
    async (context) => {
      context.annotate(`HEDDLE_KILL_SEED=${SEED}`);
      const random = new SeededRandom(SEED);
      const [dataDir, copies, repository] = [temporaryFolder(), temporaryFolder(), makeRepository(5)];
      const [ledger, world] = [new Ledger(), new World()];
      const follower = new Follower();
      const threadFollower = new ThreadFollower(TALKING[0] ?? "");
      const lives = new Lives(dataDir);
      context.onTestFinished(() => lives.dispose());
      let life: Life = lives.take();
      context.onTestFinished(() => life.end("SIGKILL"));

      /** A server at work, and everybody who is connected to it. */
      const begin = async () => {
        const server = await life.begin();
        if (!server) return undefined;
        const connections = await Promise.all(
          [...CLIENTS, "all", "thread"].map(() => server.connect()),
        ).catch(() => undefined);
        if (!connections) return undefined;
        const [forAll, forThread] = connections.slice(CLIENTS.length) as [RawClient, RawClient];
        const following = [follower.follow(forAll, ledger, random), threadFollower.follow(forThread)];
        return { connections, following: Promise.all(following), url: server.url };
      };
      const look = async (name: string): Promise<number> => {
        const folder = join(copies, name);
        mkdirSync(folder);
        const file = copyDatabase(dataDir, folder);
        const faults = findFaults(file, ledger, follower.events);
        assert.deepEqual([...faults, ...follower.complaints, ...threadFollower.complaints], []);
        return headOf(file);
      };

      // What the load begins with.
      const first = await begin();
      assert.isDefined(first);
      const [maker] = first.connections as [RawClient];
      await createProject(maker, "made", repository);
      for (const threadId of TALKING) await createThread(maker, threadId, "made");
      for (const commandId of ["create-made", ...TALKING.map((id) => `create-${id}`)])
        ledger.entries.set(commandId, {
          command: { commandId },
          client: "maker",
          after: 0,
          answer: undefined,
        });
      world.projects.push("made");
      await life.end("SIGKILL");
      await first.following;

      for (let kill = 1; kill <= KILLS; kill += 1) {
        life = lives.take();
        const moment = chooseMoment(random);
        let timer: NodeJS.Timeout | undefined;
        const die = () => void life.end("SIGKILL");
        if (moment.after === "begin") timer = setTimeout(die, moment.milliseconds);
        const server = await begin();
        if (moment.after === "listening") timer = setTimeout(die, moment.milliseconds);
        if (server && moment.after === "event") {
          timer = setTimeout(die, AGENT_PATIENCE);
          follower.onEvent = ({ eventType, actorKind }) => {
            if (eventType === moment.eventType && actorKind !== "client")
              setTimeout(die, moment.milliseconds);
          };
          const [talker] = server.connections as [RawClient];
          await ledger.send(talker, "ada", inventPrompt(random, world, "queue", EVERYTHING));
        }
        if (server) {
          let answers = 0;
          const onAnswer = () => {
            answers += 1;
            if (moment.after === "answers" && answers === moment.answers) die();
          };
          const common = { ledger, world, random, budget: BUDGET, width: WIDTH, onAnswer };
          await Promise.all(
            CLIENTS.map((name, index) =>
              work({ ...common, name, connection: server.connections[index] } as Client),
            ),
          );
          // The clients are done: without a later moment, it dies now.
          if (moment.after === "answers") die();
          await server.following;
        }
        await life.end("SIGKILL");
        clearTimeout(timer);
        follower.onEvent = () => {};
        if (kill % LOOK_EVERY === 0) await look(`${kill}`);
      }

      const head = await look("last-kill");
      life = lives.take();
      const last = await begin();
      assert.isDefined(last);
      await follower.hasSeen(head);
      const [client] = last.connections as [RawClient];
      const snapshot = await client.call("orchestration.getSnapshot", {});
      assert.deepEqual(ghosts(snapshot, follower.events, head), []);
      // Whatever was never answered gets its answer now, and the same one a second time.
      const open = [...ledger.entries.values()].filter(
        ({ answer, client: who }) => answer === undefined && who !== "maker",
      );
      for (const { command, client: who } of [...open, ...open]) await ledger.send(client, who, command);
      assert.isTrue(open.every(({ answer }) => answer !== undefined));
      await life.end("SIGTERM");
      await last.following;
      assert.isNull(life.process.signalCode, life.output);
      await look("end");
      assert.deepEqual(await rebuildDiffers(join(copies, "end")), []);
      // They were no idle servers: agents were at work when they died.
      const cut = follower.events.filter(
        ({ eventType, payload }) =>
          eventType === "thread.turn-completed" && payload.reason === "The server stopped while this ran.",
      );
      assert.isAtLeast(cut.length, KILLS / 20);
      context.annotate(
        `${KILLS} kills, ${ledger.entries.size} commands, ${ledger.answers} answers, ${follower.events.length} events seen`,
      );
    },
  );
});
