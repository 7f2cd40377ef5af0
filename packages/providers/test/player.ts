/**
 * An agent that says what a transcript says, started as a child process: `node player.ts plan.json`. It waits for what
 * the recording waited for, answers to the ids that it is asked with, and breaks as its faults tell it to.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { PlayerPipe, written } from "./agents/PlayerPipe.ts";
import { CANCEL_NOW, isMessage, type Line, type Message, type Plan } from "./transcript.ts";

const METHOD_NOT_FOUND = -32601;

const { lines, faults } = JSON.parse(readFileSync(process.argv[2] ?? "", "utf8")) as Plan;

/** Ids of the recording's requests as they are in this run. */
const ids = new Map<unknown, number | string>();
let position = 0;
let unknownAsked = 0;
let unknownRefused = 0;
let sent = 0;
let heardLast: Message = {};

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
  void pipe
    .write(`${JSON.stringify({ jsonrpc: "2.0", id: message.id, result: {} })}\n`)
    .then(() => pipe.flush());
  return true;
};

const pipe = new PlayerPipe<Message>(faults.pieces, takes);

const notify = (params: object, method = "session/update"): string =>
  `${JSON.stringify({ jsonrpc: "2.0", method, params })}\n`;

const addUnknownKinds = async (sessionId: unknown): Promise<void> => {
  unknownAsked += 1;
  const request = { jsonrpc: "2.0", id: `unknown-${unknownAsked}`, method: "_vendor/ask", params: {} };
  await pipe.write("a line of a log\n[1, 2, 3]\n");
  await pipe.write(notify({ sessionId, update: { sessionUpdate: "hologram", light: true } }));
  await pipe.write(notify({ sessionId, update: { sessionUpdate: "tool_call", title: 12 } }));
  await pipe.write(notify({ anything: true }, "_vendor/tell"));
  await pipe.write(`${JSON.stringify(request)}\n`);
};

const send = async (msg: Message, isLast: boolean): Promise<void> => {
  sent += 1;
  if (sent === faults.crashAt) {
    pipe.flush();
    process.exit(7);
  }
  const isResponse = msg.method === undefined;
  const text = JSON.stringify(isResponse ? { ...msg, id: ids.get(msg.id) ?? msg.id } : msg);
  const update = msg.params?.update?.sessionUpdate as string | undefined;
  const repeatable = update !== undefined && !update.endsWith("_chunk");
  if (faults.unknownKinds && update !== undefined) await addUnknownKinds(msg.params.sessionId);
  if (faults.doubled && repeatable) await pipe.write(`${text}\n`);
  await pipe.write(isLast && faults.lastNewlineMissing ? text : `${text}\n`);
  if (!isLast || !faults.lastNewlineMissing) return;
  pipe.flush();
  process.exit(0);
};

const expect = async (msg: Message): Promise<void> => {
  pipe.flush();
  if (msg.method === "session/cancel" && msg.params !== undefined) {
    const update = { sessionUpdate: "notice", severity: "info", title: CANCEL_NOW };
    process.stdout.write(notify({ sessionId: msg.params.sessionId, update }));
  }
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
    case "stderr":
      return written(process.stderr, line.msg);
    case "echo": {
      const title = JSON.stringify(heardLast.result ?? heardLast.error ?? heardLast.params);
      const update = { sessionUpdate: "notice", severity: "info", title };
      return pipe.write(notify({ sessionId: line.msg, update }));
    }
    case "touch":
      pipe.flush();
      writeFileSync(line.msg, "");
      return;
    case "exit":
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
pipe.flush();
