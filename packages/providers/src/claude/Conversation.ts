/** One run of the SDK: what goes in, what is asked, what comes out. */
import type {
  CanUseTool,
  EffortLevel,
  OnElicitation,
  Options,
  PermissionMode,
  query,
} from "@anthropic-ai/claude-agent-sdk";
import { Bridge } from "./Bridge.ts";
import { Prompts } from "./Prompts.ts";

/** What Heddle uses of the SDK's `Query`. */
export interface Query extends AsyncIterable<unknown> {
  readonly initializationResult: () => Promise<unknown>;
  /** Not in the types of 0.3.329, but in its code: prompts that wait are not begun after the interrupt. */
  readonly interrupt: (options: { readonly cancelQueued: true }) => Promise<unknown>;
  readonly setModel: (model: string) => Promise<void>;
  readonly setPermissionMode: (mode: PermissionMode) => Promise<void>;
  readonly applyFlagSettings: (settings: { readonly effortLevel: EffortLevel }) => Promise<void>;
  readonly close: () => void;
}

/** Who answers the agent, once there is a session. */
export interface Answering {
  readonly tool: CanUseTool;
  readonly elicitation: OnElicitation;
}

export class Conversation {
  readonly bridge = new Bridge();
  readonly prompts = new Prompts();
  readonly query: Query;
  #answering: Answering | undefined;

  constructor(start: typeof query, options: Options) {
    this.query = start({
      prompt: this.prompts,
      options: {
        ...options,
        spawnClaudeCodeProcess: this.bridge.spawn,
        // An answer of `null` is none: what claude asks again was answered before.
        canUseTool: async (name, input, request) =>
          this.#answering === undefined
            ? { behavior: "deny", message: NOBODY }
            : this.#answering.tool(name, input, request),
        onElicitation: async (request, more) =>
          this.#answering === undefined ? { action: "cancel" } : this.#answering.elicitation(request, more),
      },
    });
  }

  answeredBy(answering: Answering): void {
    this.#answering = answering;
  }

  /** The SDK waits for nothing any more. */
  end(): void {
    this.prompts.end();
    this.bridge.end();
    this.query.close();
  }
}

const NOBODY = "Nobody is here to be asked.";
