/**
 * A codex that says what a transcript says, started as a child process: `node player.ts plan.json`. It waits for what the
 * recording waited for, answers to the ids that it is asked with, and breaks as its faults tell it to.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { PlayerPipe } from "../agents/PlayerPipe.ts";
import { INTERRUPT_NOW, isMessage, type Line, type Message, type Plan, STEER_NOW } from "./recording.ts";

const METHOD_NOT_FOUND = -32601;

const { lines, faults } = JSON.parse(readFileSync(process.argv[2] ?? "", "utf8")) as Plan;

/** Ids of the recording's requests as they are in this run. */
const ids = new Map<unknown, number | string>();
let position = 0;
let unknownAsked = 0;
let unknownRefused = 0;
let sent = 0;
let heardLast: Message = {};
/** The answer to a prompt, while it is held back. */
let held: string | undefined;

const isExpectedLater = (method: string): boolean =>
  lines.slice(position).some((line) => line.dir === ">" && line.msg.method === method);

/** Answers by itself what the recording does not go on to. */
const takes = (message: Message): boolean => {
  if (typeof message.id === "string" && message.id.startsWith("unknown-")) {
    if (message.error?.code === METHOD_NOT_FOUND) unknownRefused += 1;
    return true;
  }
  if (message.method === undefined || message.id === undefined || isExpectedLater(message.method))
    return false;
  void pipe.write(`${JSON.stringify({ id: message.id, result: {} })}\n`).then(() => pipe.flush());
  return true;
};

const pipe = new PlayerPipe<Message>(faults.pieces, takes);

const notify = (method: string, params: object): string => `${JSON.stringify({ method, params })}\n`;

const release = async (): Promise<void> => {
  const text = held;
  held = undefined;
  if (text !== undefined) await pipe.write(text);
};

const addUnknownKinds = async (params: { threadId?: string; turnId?: string }): Promise<void> => {
  unknownAsked += 1;
  const { threadId, turnId } = params;
  const item = { type: "hologram", id: `hologram-${unknownAsked}`, light: true };
  await pipe.write('a line of a log\n[1, 2, 3]\n{"neither":"of both"}\n{"id":"nobody-asked","result":{}}\n');
  await pipe.write(notify("vendor/told", { anything: true }));
  await pipe.write(notify("item/started", { threadId, turnId, item }));
  await pipe.write(notify("item/completed", { threadId, turnId, item: { ...item, light: false } }));
  await pipe.write(notify("item/started", { threadId, turnId, item: { type: "commandExecution" } }));
  await pipe.write(notify("item/agentMessage/delta", { threadId, turnId, delta: 12 }));
  await pipe.write(
    `${JSON.stringify({ id: `unknown-${unknownAsked}`, method: "vendor/ask", params: {} })}\n`,
  );
};

const isDelta = (msg: Message): boolean => /delta$/i.test(msg.method ?? "");

/** Whether the next message is the end of the item that this is a piece of. */
const endsNext = (msg: Message): boolean => {
  const next = lines[position + 1];
  return (
    next?.dir === "<" &&
    next.msg.method === "item/completed" &&
    isDelta(msg) &&
    next.msg.params.item.id === msg.params.itemId
  );
};
let late: Message | undefined;

const send = async (msg: Message, isLast: boolean): Promise<void> => {
  sent += 1;
  if (sent === faults.crashAt) {
    pipe.flush();
    process.exit(7);
  }
  if (faults.reordered && endsNext(msg)) {
    late = msg;
    return;
  }
  const isResponse = msg.method === undefined;
  const text = `${JSON.stringify(isResponse ? { ...msg, id: ids.get(msg.id) ?? msg.id } : msg)}\n`;
  if (faults.reordered && isResponse && msg.result?.turn !== undefined) {
    held = text;
    return;
  }
  const isTold = !isResponse && msg.id === undefined;
  if (faults.unknownKinds && msg.method === "item/started") await addUnknownKinds(msg.params);
  if (faults.doubled && isTold && !isDelta(msg)) await pipe.write(text);
  await pipe.write(isLast && faults.lastNewlineMissing ? text.trimEnd() : text);
  if (late !== undefined) await pipe.write(`${JSON.stringify(late)}\n`);
  late = undefined;
  if (!isLast || !faults.lastNewlineMissing) return;
  pipe.flush();
  process.exit(0);
};

const expect = async (msg: Message): Promise<void> => {
  await release();
  if (msg.method === "turn/interrupt")
    await pipe.write(notify("warning", { threadId: null, message: INTERRUPT_NOW }));
  if (msg.method === "turn/steer")
    await pipe.write(notify("warning", { threadId: null, message: STEER_NOW }));
  pipe.flush();
  const found = await pipe.hear(msg);
  heardLast = found;
  if (msg.method !== undefined && msg.id !== undefined && found.id !== undefined) ids.set(msg.id, found.id);
};

const play = async (line: Line, isLast: boolean): Promise<void> => {
  switch (line.dir) {
    case ">":
      return expect(line.msg);
    case "<":
      return send(line.msg, isLast);
    case "echo": {
      const message = JSON.stringify(heardLast.result ?? heardLast.error ?? heardLast.params);
      return pipe.write(notify("warning", { threadId: null, message }));
    }
    case "touch":
      pipe.flush();
      writeFileSync(line.msg, "");
      return;
    case "exit":
      await release();
      pipe.flush();
      if (line.msg.signal !== null) process.kill(process.pid, line.msg.signal);
      await pipe.untilInputEnds();
      // A client that left a request unanswered fails the test that plays this.
      process.exit(unknownRefused === unknownAsked ? (line.msg.code ?? 0) : 9);
      break;
    case "note":
      break;
  }
};

const last = lines.findLastIndex((line) => isMessage(line) && line.dir === "<");
for (position = 0; position < lines.length; position += 1) {
  const line = lines[position];
  if (line !== undefined) await play(line, position === last);
}
await release();
pipe.flush();
