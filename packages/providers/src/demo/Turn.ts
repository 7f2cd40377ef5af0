/** One turn of the demo agent: carries out directives one after the other, until the end or until it is cancelled. */
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import * as acp from "@agentclientprotocol/sdk";
import { containedPath } from "../shared/Containment.ts";
import { isErrno } from "../shared/Errno.ts";
import { runCommand } from "./Command.ts";
import { type Directive, parseDirectives } from "./Directives.ts";
import { greeting } from "./Help.ts";

const FILLER =
  "lorem ipsum dolor sit amet consectetur adipiscing elit sed do eiusmod tempor incididunt ut labore".split(
    " ",
  );

/** Of a model that is not there. */
const CONTEXT_WINDOW = 200_000;

/** What lasts from turn to turn. */
export interface DemoSession {
  readonly sessionId: string;
  readonly cwd: string;
  readonly canAsk: boolean;
  calls: number;
}

interface Usage {
  readonly totalTokens: number;
  readonly inputTokens: number;
  readonly outputTokens: number;
}

/** Thrown to leave a turn that was cancelled; never seen outside of it. */
class Cancelled extends Error {}

export class DemoTurn {
  readonly #session: DemoSession;
  readonly #client: acp.AgentContext;
  readonly #abort = new AbortController();
  readonly #cancelled: Promise<never>;
  readonly #queue: Array<Directive> = [];
  #delay = 0;
  #input = 0;
  #output = 0;
  /** Something was said, and no call or plan came since, so that what is said next joins the same message. */
  #speaking = false;

  constructor(session: DemoSession, client: acp.AgentContext) {
    this.#session = session;
    this.#client = client;
    this.#cancelled = new Promise((_, reject) => {
      this.#abort.signal.addEventListener("abort", () => reject(new Cancelled()), { once: true });
    });
    // Most turns are not cancelled, and then nobody waits for it.
    this.#cancelled.catch(() => {});
  }

  cancel(): void {
    this.#abort.abort();
  }

  /** Of the turn so far; nothing where it was told of none. */
  get usage(): { readonly usage?: Usage } {
    const [inputTokens, outputTokens] = [this.#input, this.#output];
    const totalTokens = inputTokens + outputTokens;
    return totalTokens === 0 ? {} : { usage: { totalTokens, inputTokens, outputTokens } };
  }

  /** Takes more to do while the turn runs. */
  add(prompt: string): void {
    this.#queue.push(...parseDirectives(prompt));
  }

  async run(prompt: string): Promise<acp.StopReason> {
    this.add(prompt);
    if (this.#queue.length === 0) this.#queue.push({ type: "say", text: greeting });
    try {
      for (let next = this.#queue.shift(); next !== undefined; next = this.#queue.shift()) {
        await this.#carryOut(next);
        await this.#pause();
      }
      return "end_turn";
    } catch (error) {
      if (error instanceof Cancelled) return "cancelled";
      throw error;
    }
  }

  async #carryOut(directive: Directive): Promise<void> {
    switch (directive.type) {
      case "say":
        return this.#say(directive.text);
      case "lorem":
        return this.#say(
          Array.from({ length: directive.words }, (_, index) => FILLER[index % FILLER.length]).join(" "),
        );
      case "think":
        return this.#update({
          sessionUpdate: "agent_thought_chunk",
          content: { type: "text", text: directive.text },
        });
      case "plan": {
        const entries = directive.entries.map((content): acp.PlanEntry => ({
          content,
          priority: "medium",
          status: "pending",
        }));
        return this.#update({ sessionUpdate: "plan", entries });
      }
      case "write":
        return this.#write(directive.path, directive.content);
      case "shell":
        return this.#shell(directive.command);
      case "ask":
        return this.#ask(directive.question);
      case "tokens": {
        this.#input += directive.input;
        this.#output += directive.output;
        const used = directive.input + directive.output;
        return this.#update({ sessionUpdate: "usage_update", used, size: CONTEXT_WINDOW });
      }
      case "slow":
        this.#delay = directive.milliseconds;
        return;
      case "fail":
        throw new acp.RequestError(-32603, directive.message);
      case "crash":
        process.stderr.write("The demo agent was told to crash.\n");
        process.exit(1);
        break;
      case "hang":
        // Neither a cancel nor the end of the input gets through to it; only a signal does.
        setInterval(() => {}, 60_000);
        await new Promise(() => {});
        break;
      case "unknown":
        return this.#say(
          `I do not understand ${directive.source}: ${directive.problem}. Say hello to see what I can do.`,
        );
    }
  }

  async #say(text: string): Promise<void> {
    if (this.#speaking)
      await this.#update({ sessionUpdate: "agent_message_chunk", content: { type: "text", text: "\n\n" } });
    for (const [word] of text.matchAll(/\S*\s+|\S+$/g)) {
      await this.#update({ sessionUpdate: "agent_message_chunk", content: { type: "text", text: word } });
      await this.#pause();
    }
    this.#speaking = true;
  }

  async #write(path: string, content: string): Promise<void> {
    const target = await containedPath(this.#session.cwd, path);
    if (target === undefined) return this.#say(`Skipped: ${path} is outside of the folder that I work in.`);
    const diff: acp.ToolCallContent = {
      type: "diff",
      path: target,
      oldText: await textIfThere(target),
      newText: content,
    };
    const title = `Write ${path}`;
    await this.#callTool("edit", title, { path, content }, [diff], async () => {
      await mkdir(dirname(target), { recursive: true });
      await writeFile(target, content);
      return { failed: false };
    });
  }

  async #shell(command: string): Promise<void> {
    await this.#callTool("execute", command, { command }, [], async () => {
      const { output, exitCode } = await runCommand(command, this.#session.cwd, this.#abort.signal);
      return { failed: exitCode !== 0, rawOutput: { output, exitCode } };
    });
  }

  async #callTool(
    kind: acp.ToolKind,
    title: string,
    rawInput: unknown,
    content: Array<acp.ToolCallContent>,
    act: () => Promise<{ readonly failed: boolean; readonly rawOutput?: unknown }>,
  ): Promise<void> {
    this.#session.calls += 1;
    const toolCallId = `${this.#session.sessionId.slice(0, 8)}-call-${this.#session.calls}`;
    const call = { toolCallId, title, kind, rawInput, content };
    await this.#update({ sessionUpdate: "tool_call", ...call, status: "pending" });
    const report = (status: acp.ToolCallStatus, rawOutput?: unknown): Promise<void> =>
      this.#update({
        sessionUpdate: "tool_call_update",
        toolCallId,
        status,
        ...(rawOutput === undefined ? {} : { rawOutput }),
      });
    try {
      if (!(await this.#mayI(call))) {
        await report("failed");
        await this.#say(`Skipped: ${title}`);
        return;
      }
      await report("in_progress");
      const { failed, rawOutput } = await this.#unlessCancelled(act());
      await report(failed ? "failed" : "completed", rawOutput);
    } catch (error) {
      await report(
        "failed",
        error instanceof Error && !(error instanceof Cancelled) ? error.message : undefined,
      );
      if (isErrno(error, "EACCES", "EISDIR", "ENOTDIR", "ENOSPC"))
        return this.#say(`That did not work: ${error.message}`);
      throw error;
    }
  }

  async #mayI(call: acp.ToolCallUpdate): Promise<boolean> {
    const { outcome } = await this.#unlessCancelled(
      this.#client.request(acp.methods.client.session.requestPermission, {
        sessionId: this.#session.sessionId,
        toolCall: { ...call, status: "pending" },
        options: [
          { optionId: "once", name: "Allow", kind: "allow_once" },
          { optionId: "no", name: "Skip", kind: "reject_once" },
        ],
      }),
    );
    // What a client cancels is not declined: the whole turn is to end.
    if (outcome.outcome === "cancelled") throw new Cancelled();
    return outcome.optionId !== "no";
  }

  async #ask(question: string): Promise<void> {
    if (!this.#session.canAsk)
      return this.#say(`I would ask "${question}", but this client takes no questions.`);
    const response = await this.#unlessCancelled(
      this.#client.request(acp.methods.client.elicitation.create, {
        sessionId: this.#session.sessionId,
        mode: "form",
        message: question,
        requestedSchema: { type: "object", properties: { answer: { type: "string" } }, required: ["answer"] },
      }),
    );
    if (response.action === "cancel") throw new Cancelled();
    const answer = acp.CreateElicitationResponse.isAccept(response)
      ? response.content?.["answer"]
      : undefined;
    return this.#say(answer === undefined ? "You gave no answer." : `You said: ${String(answer)}`);
  }

  async #update(update: acp.SessionUpdate): Promise<void> {
    if (this.#abort.signal.aborted && update.sessionUpdate !== "tool_call_update") throw new Cancelled();
    if (update.sessionUpdate === "tool_call" || update.sessionUpdate === "plan") this.#speaking = false;
    await this.#client.notify(acp.methods.client.session.update, {
      sessionId: this.#session.sessionId,
      update,
    });
  }

  async #pause(): Promise<void> {
    if (this.#abort.signal.aborted) throw new Cancelled();
    if (this.#delay > 0) await this.#unlessCancelled(sleep(this.#delay));
  }

  #unlessCancelled<A>(promise: Promise<A>): Promise<A> {
    return Promise.race([promise, this.#cancelled]);
  }
}

const textIfThere = async (path: string): Promise<string | null> => {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    if (isErrno(error, "ENOENT")) return null;
    throw error;
  }
};
