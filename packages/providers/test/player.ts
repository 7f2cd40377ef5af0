/**
 * An agent that says what a transcript says, started as a child process: `node player.ts plan.json`. It waits for what
 * the recording waited for, answers to the ids that it is asked with, and breaks as its faults tell it to.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { setImmediate as nextTurn } from "node:timers/promises";
import { CANCEL_NOW, isMessage, type Line, type Message, type Plan } from "./transcript.ts";

const METHOD_NOT_FOUND = -32601;

const { lines, faults } = JSON.parse(readFileSync(process.argv[2] ?? "", "utf8")) as Plan;

/** Ids of the recording's requests as they are in this run. */
const ids = new Map<unknown, number | string>();
const heard: Array<Message> = [];
let wake = (): void => {};
let position = 0;
let inputEnded = false;
let unknownAsked = 0;
let unknownRefused = 0;
let sent = 0;
let heardLast: Message = {};

const isExpectedLater = (method: string): boolean =>
  lines.slice(position).some((line) => line.dir === ">" && line.msg.method === method);

const hear = (message: Message): void => {
  if (typeof message.id === "string" && message.id.startsWith("unknown-")) {
    if (message.error?.code === METHOD_NOT_FOUND) unknownRefused += 1;
  } else if (message.method !== undefined && message.id !== undefined && !isExpectedLater(message.method)) {
    void write(`${JSON.stringify({ jsonrpc: "2.0", id: message.id, result: {} })}\n`).then(flush);
  } else {
    heard.push(message);
  }
  wake();
};

const input = createInterface({ input: process.stdin });
input.on("line", (line) => hear(JSON.parse(line) as Message));
input.on("close", () => {
  inputEnded = true;
  wake();
});

const until = async <A>(look: () => A | undefined): Promise<A> => {
  for (;;) {
    const found = look();
    if (found !== undefined) return found;
    await new Promise<void>((resolve) => {
      wake = resolve;
    });
  }
};

let pending = Buffer.alloc(0);

/** A real agent waits for its reader, too. */
const written = (stream: NodeJS.WriteStream, data: Uint8Array | string): Promise<void> =>
  new Promise((resolve) => {
    stream.write(data, () => resolve());
  });

/** With `pieces`, what does not fill a piece waits for what follows, so that pieces span messages. */
const write = async (text: string): Promise<void> => {
  pending = Buffer.concat([pending, Buffer.from(text)]);
  const size = faults.pieces ?? pending.length;
  while (pending.length >= size && pending.length > 0) {
    const piece = pending.subarray(0, size);
    pending = pending.subarray(size);
    await written(process.stdout, piece);
    if (faults.pieces !== undefined) await nextTurn();
  }
};

const flush = (): void => {
  if (pending.length > 0) process.stdout.write(pending);
  pending = Buffer.alloc(0);
};

const notify = (params: object, method = "session/update"): string =>
  `${JSON.stringify({ jsonrpc: "2.0", method, params })}\n`;

const addUnknownKinds = async (sessionId: unknown): Promise<void> => {
  unknownAsked += 1;
  const request = { jsonrpc: "2.0", id: `unknown-${unknownAsked}`, method: "_vendor/ask", params: {} };
  await write("a line of a log\n[1, 2, 3]\n");
  await write(notify({ sessionId, update: { sessionUpdate: "hologram", light: true } }));
  await write(notify({ sessionId, update: { sessionUpdate: "tool_call", title: 12 } }));
  await write(notify({ anything: true }, "_vendor/tell"));
  await write(`${JSON.stringify(request)}\n`);
};

const send = async (msg: Message, isLast: boolean): Promise<void> => {
  sent += 1;
  if (sent === faults.crashAt) {
    flush();
    process.exit(7);
  }
  const isResponse = msg.method === undefined;
  const text = JSON.stringify(isResponse ? { ...msg, id: ids.get(msg.id) ?? msg.id } : msg);
  const update = msg.params?.update?.sessionUpdate as string | undefined;
  const repeatable = update !== undefined && !update.endsWith("_chunk");
  if (faults.unknownKinds && update !== undefined) await addUnknownKinds(msg.params.sessionId);
  if (faults.doubled && repeatable) await write(`${text}\n`);
  await write(isLast && faults.lastNewlineMissing ? text : `${text}\n`);
  if (!isLast || !faults.lastNewlineMissing) return;
  flush();
  process.exit(0);
};

const expect = async (msg: Message): Promise<void> => {
  flush();
  if (msg.method === "session/cancel" && msg.params !== undefined) {
    const update = { sessionUpdate: "notice", severity: "info", title: CANCEL_NOW };
    process.stdout.write(notify({ sessionId: msg.params.sessionId, update }));
  }
  const isIt = (candidate: Message): boolean =>
    msg.method === undefined
      ? candidate.method === undefined && candidate.id === msg.id
      : candidate.method === msg.method;
  const found = await until(() => heard.find(isIt) ?? (inputEnded ? null : undefined));
  if (found === null) process.exit(8);
  heard.splice(heard.indexOf(found), 1);
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
      return write(notify({ sessionId: line.msg, update }));
    }
    case "touch":
      flush();
      writeFileSync(line.msg, "");
      return;
    case "exit":
      flush();
      if (line.msg.signal !== null) process.kill(process.pid, line.msg.signal);
      await until(() => inputEnded || undefined);
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
flush();
