/** What claude asks a person to answer in words, and how the answers are said to it. Pure. */
import type { ElicitationRequest, OnElicitation, PermissionResult } from "@anthropic-ai/claude-agent-sdk";
import type { UserInputQuestion } from "@heddle/contracts/Model";
import { boundText } from "../shared/Bounded.ts";
import { fill, type Form, questionsOf as questionsOfForm, readForm } from "../shared/Elicitation.ts";
import { read } from "../shared/Read.ts";
import { Questions as Asked } from "./Wire.ts";

const MAX_PROMPT = 16 * 1024;
const MAX_CHOICES = 500;

export type AnswerTo<Result> =
  | { readonly ok: true; readonly result: Result }
  | { readonly ok: false; readonly problem: string };

export interface Questions<Result> {
  readonly questions: ReadonlyArray<UserInputQuestion>;
  /** By question id; no answers at all decline. */
  readonly answer: (answers: Readonly<Record<string, string>>) => AnswerTo<Result>;
  readonly cancelled: Result;
}

export const ASK_TOOL = "AskUserQuestion";

const readAsked = read(Asked);

/** `undefined` where the input is not of a form that is known. */
export const questionsOfTool = (input: Record<string, unknown>): Questions<PermissionResult> | undefined => {
  const asked = readAsked(input)?.questions;
  if (asked === undefined || asked.length === 0) return undefined;
  return {
    questions: asked.map(({ header, question, multiSelect, options }, index) => {
      const several = multiSelect ? "\n(Several answers: one a line.)" : "";
      const words = header ? `${header}\n${question}` : question;
      const choices = (options ?? []).slice(0, MAX_CHOICES).map(({ label, description }) => ({
        value: label,
        label: description ? `${label}: ${description}` : label,
      }));
      const prompt = boundText(`${words}${several}`, MAX_PROMPT);
      const id = idOf(index);
      return choices.length === 0 ? { id, prompt } : { id, prompt, options: choices };
    }),
    answer: (answers) => {
      const given = asked.flatMap(({ question, multiSelect }, index) => {
        const answer = answers[idOf(index)];
        if (answer === undefined) return [];
        const said = multiSelect ? answer.split("\n").map((line) => line.trim()) : [answer];
        return [[question, said.join(", ")] as const];
      });
      if (given.length === 0) return { ok: true, result: refusal("The person did not answer.") };
      const updatedInput = { ...input, answers: Object.fromEntries(given) };
      return { ok: true, result: { behavior: "allow", updatedInput } };
    },
    cancelled: refusal("The person stopped the turn."),
  };
};

const idOf = (index: number): string => `question-${index + 1}`;

const refusal = (message: string): PermissionResult => ({ behavior: "deny", message });

type FormResult = NonNullable<Awaited<ReturnType<OnElicitation>>>;

/** What a server of tools asks: a form, or whether an address was opened; `undefined` where it is neither. */
export const questionsOfElicitation = (request: ElicitationRequest): Questions<FormResult> | undefined => {
  // The SDK sets what the request does not have to `undefined`.
  const form: Form | undefined = readForm(JSON.parse(JSON.stringify(request)));
  if (form === undefined) return undefined;
  return {
    questions: questionsOfForm(form),
    answer: (answers) => {
      const filled = fill(form, answers);
      if (!filled.ok) return filled;
      const { content } = filled;
      if (content === undefined) return { ok: true, result: { action: "decline" } };
      return { ok: true, result: { action: "accept", ...(form.kind === "form" ? { content } : {}) } };
    },
    cancelled: { action: "cancel" },
  };
};
