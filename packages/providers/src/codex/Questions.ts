/** What codex asks a person to answer in words, and how the answers are said to it. Pure. */
import type { UserInputQuestion } from "@heddle/contracts/Model";
import { boundText } from "../shared/Bounded.ts";
import { fill, questionsOf as questionsOfForm, readForm } from "../shared/Elicitation.ts";
import { read } from "../shared/Read.ts";
import type { McpServerElicitationRequestResponse, ToolRequestUserInputResponse } from "./Protocol.ts";
import { UserInputRequest } from "./Wire.ts";

const MAX_PROMPT = 16 * 1024;
const MAX_CHOICES = 500;

export type AnswerTo =
  | { readonly ok: true; readonly result: object }
  | { readonly ok: false; readonly problem: string };

export interface Questions {
  readonly questions: ReadonlyArray<UserInputQuestion>;
  /** By question id; no answers at all decline. */
  readonly answer: (answers: Readonly<Record<string, string>>) => AnswerTo;
  readonly cancelled: object;
}

export const QUESTIONS = {
  tool: "item/tool/requestUserInput",
  elicitation: "mcpServer/elicitation/request",
} as const;

/** Why these questions are not put to anybody; the text is for the agent. */
export interface Unasked {
  readonly refused: string;
}

/** `undefined` where the request is none of these, or not of a form that is known. */
export const questionsOf = (method: string, params: unknown): Questions | Unasked | undefined => {
  switch (method) {
    case QUESTIONS.tool:
      return toolQuestions(readToolQuestions(params));
    case QUESTIONS.elicitation:
      return formQuestions(params);
    default:
      return undefined;
  }
};

const readToolQuestions = read(UserInputRequest);

const toolQuestions = (asked: typeof UserInputRequest.Type | undefined): Questions | Unasked | undefined => {
  if (asked === undefined) return undefined;
  // Answers are kept in the log for good, and shown to whoever follows the thread.
  if (asked.questions.some(({ isSecret }) => isSecret)) {
    return {
      refused: "Secrets cannot be asked for here. Ask the person to set it in the environment instead.",
    };
  }
  const respond = (answers: Readonly<Record<string, string>>): ToolRequestUserInputResponse => ({
    answers: Object.fromEntries(Object.entries(answers).map(([id, answer]) => [id, { answers: [answer] }])),
  });
  return {
    questions: asked.questions.map(({ id, header, question, options }) => {
      const prompt = boundText(header === "" ? question : `${header}\n${question}`, MAX_PROMPT);
      const choices = options?.slice(0, MAX_CHOICES).map(({ label, description }) => ({
        value: label,
        label: description ? `${label}: ${description}` : label,
      }));
      return choices === undefined || choices.length === 0
        ? { id, prompt }
        : { id, prompt, options: choices };
    }),
    answer: (answers) => ({ ok: true, result: respond(answers) }),
    cancelled: respond({}),
  };
};

const formQuestions = (params: unknown): Questions | Unasked => {
  const form = readForm(params);
  if (form === undefined) return { refused: "Only forms and addresses of the web can be asked here." };
  const respond = (
    action: McpServerElicitationRequestResponse["action"],
    content: McpServerElicitationRequestResponse["content"] = null,
  ): McpServerElicitationRequestResponse => ({ action, content, _meta: null });
  return {
    questions: questionsOfForm(form),
    answer: (answers) => {
      const filled = fill(form, answers);
      if (!filled.ok) return filled;
      const { content } = filled;
      if (content === undefined) return { ok: true, result: respond("decline") };
      return { ok: true, result: respond("accept", form.kind === "form" ? content : null) };
    },
    cancelled: respond("cancel"),
  };
};
