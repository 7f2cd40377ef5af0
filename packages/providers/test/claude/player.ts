/**
 * A claude that says what a transcript says, started as a child process: `node player.ts plan.json …`. It waits for what
 * the recording waited for, answers to the ids that it is asked with, and breaks as its faults tell it to.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { setImmediate as nextTurn } from "node:timers/promises";
import {
  INTERRUPT_NOW,
  isInterrupt,
  isMessage,
  type Line,
  type Message,
  type Plan,
  STEER_NOW,
} from "./recording.ts";

const { lines, faults } = JSON.parse(readFileSync(process.argv[2] ?? "", "utf8")) as Plan;

/** Ids of the recording's prompts and requests as they are in this run. */
const ids = new Map<string, string>();
const heard: Array<Message> = [];
let wake = (): void => {};
let position = 0;
let inputEnded = false;
const answeredRequests = new Set<string>();
let answeredTwice = false;
let unknownAsked = 0;
let unknownRefused = 0;
let sent = 0;
let heardLast: Message = {};

const kindOf = (msg: Message): string =>
  msg.type === "control_request" ? `ask ${msg["request"].subtype}` : (msg.type ?? "");

const isExpectedLater = (kind: string): boolean =>
  lines.slice(position).some((line) => line.dir === ">" && kindOf(line.msg) === kind);

const hear = (msg: Message): void => {
  const { response } = msg;
  if (response !== undefined) {
    answeredTwice ||= answeredRequests.has(response.request_id);
    answeredRequests.add(response.request_id);
  }
  if (response?.request_id?.startsWith("unknown-")) {
    if (response.subtype === "error") unknownRefused += 1;
  } else if (msg.type === "control_request" && !isExpectedLater(kindOf(msg))) {
    void write(`${answered(msg)}\n`).then(flush);
  } else {
    heard.push(msg);
  }
  wake();
};

const answered = (msg: Message): string =>
  JSON.stringify({
    type: "control_response",
    response: { subtype: "success", request_id: msg.request_id, response: {} },
  });

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
const written = (data: Uint8Array): Promise<void> =>
  new Promise((resolve) => {
    process.stdout.write(data, () => resolve());
  });

/** With `pieces`, what does not fill a piece waits for what follows, so that pieces span messages. */
const write = async (text: string): Promise<void> => {
  pending = Buffer.concat([pending, Buffer.from(text)]);
  const size = faults.pieces ?? pending.length;
  while (pending.length >= size && pending.length > 0) {
    const piece = pending.subarray(0, size);
    pending = pending.subarray(size);
    await written(piece);
    if (faults.pieces !== undefined) await nextTurn();
  }
};

const flush = (): void => {
  if (pending.length > 0) process.stdout.write(pending);
  pending = Buffer.alloc(0);
};

const notice = (content: string): string =>
  `${JSON.stringify({ type: "system", subtype: "informational", level: "notice", content })}\n`;

const asJson = (message: unknown): string => `${JSON.stringify(message)}\n`;

const addUnknownKinds = async (): Promise<void> => {
  unknownAsked += 1;
  const request_id = `unknown-${unknownAsked}`;
  const event = { type: "content_block_delta", index: 99, delta: { type: "hologram", light: true } };
  await write('a line of a log\n[1, 2, 3]\n{"neither":"of both"}\n');
  await write(asJson({ type: "hologram", light: true }));
  await write(asJson({ type: "system", subtype: "hologram", content: 12 }));
  await write(asJson({ type: "stream_event", event, parent_tool_use_id: null }));
  await write(asJson({ type: "stream_event", event: "none", parent_tool_use_id: null }));
  await write(asJson({ type: "assistant", message: { content: "no list" }, uuid: request_id }));
  await write(asJson({ type: "user", message: { content: [{ type: "tool_result" }, "no block"] } }));
  await write(asJson({ type: "control_response", response: { subtype: "success", request_id: "nobody" } }));
  await write(asJson({ type: "control_request", request_id, request: { subtype: "hologram" } }));
};

const send = async (msg: Message, isLast: boolean): Promise<void> => {
  sent += 1;
  if (sent === faults.crashAt) {
    flush();
    process.exit(7);
  }
  let text = asJson(msg);
  for (const [recorded, now] of ids) text = text.replaceAll(recorded, now);
  if (faults.unknownKinds && msg.type === "assistant") await addUnknownKinds();
  if (faults.doubled && msg.type !== "control_response") await write(text);
  await write(isLast && faults.lastNewlineMissing ? text.trimEnd() : text);
  if (!isLast || !faults.lastNewlineMissing) return;
  flush();
  process.exit(0);
};

const expect = async (line: Line & { dir: ">" | "<" }): Promise<void> => {
  const { msg } = line;
  if (isInterrupt(line)) await write(notice(INTERRUPT_NOW));
  if (line.steers) await write(notice(STEER_NOW));
  flush();
  const isIt = (candidate: Message): boolean =>
    kindOf(candidate) === kindOf(msg) &&
    (msg.type !== "control_response" || candidate["response"].request_id === msg["response"].request_id);
  const found = await until(() => heard.find(isIt) ?? (inputEnded ? null : undefined));
  if (found === null) process.exit(8);
  heard.splice(heard.indexOf(found), 1);
  heardLast = found;
  if (msg.uuid !== undefined && found.uuid !== undefined) ids.set(msg.uuid, found.uuid);
  if (msg.request_id !== undefined && found.request_id !== undefined)
    ids.set(msg.request_id, found.request_id);
};

const play = async (line: Line, isLast: boolean): Promise<void> => {
  if (isMessage(line)) return line.dir === ">" ? expect(line) : send(line.msg, isLast);
  switch (line.dir) {
    case "echo":
      return write(notice(JSON.stringify(heardLast)));
    case "touch":
      flush();
      writeFileSync(line.msg, "");
      return;
    case "exit":
      flush();
      if (line.msg.signal !== null) process.kill(process.pid, line.msg.signal);
      await until(() => inputEnded || undefined);
      // A client that left a request unanswered, or answered one twice, fails the test that plays this.
      if (unknownRefused !== unknownAsked) process.exit(9);
      if (answeredTwice) process.exit(10);
      process.exit(line.msg.code ?? 0);
  }
};

if (faults.noSuchSession && process.argv.some((argument) => argument.startsWith("--resume"))) {
  const errors = ["No conversation found"];
  await write(
    asJson({ type: "result", subtype: "error_during_execution", is_error: true, errors, uuid: "none" }),
  );
  process.exit(1);
}

const last = lines.findLastIndex((line) => line.dir === "<" && line.msg.subtype !== "session_state_changed");
for (position = 0; position < lines.length; position += 1) {
  const line = lines[position];
  if (line !== undefined) await play(line, position === last);
}
flush();
