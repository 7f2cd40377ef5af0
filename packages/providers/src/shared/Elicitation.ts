/**
 * What an agent asks a person, as questions: a form, whose values the answers are, or an address to visit, which a person
 * opens or does not. Pure.
 */
import type { UserInputQuestion } from "@heddle/contracts/Model";
import { Predicate, Schema } from "effect";
import { boundText } from "./Bounded.ts";
import { maybe, read } from "./Read.ts";

const MAX_PROMPT = 16 * 1024;
const MAX_CHOICES = 500;

const Choices = Schema.Array(Schema.Struct({ const: Schema.String, title: maybe(Schema.String) }));

const Field = Schema.Struct({
  type: Schema.String,
  title: maybe(Schema.String),
  description: maybe(Schema.String),
  enum: maybe(Schema.Array(Schema.String)),
  oneOf: maybe(Choices),
  items: maybe(Schema.Struct({ enum: maybe(Schema.Array(Schema.String)), anyOf: maybe(Choices) })),
});
type Field = typeof Field.Type;

const Elicitation = Schema.Struct({
  mode: maybe(Schema.String),
  message: Schema.String,
  url: maybe(Schema.String),
  requestedSchema: maybe(
    Schema.Struct({
      properties: maybe(Schema.Record(Schema.String, Field)),
      required: maybe(Schema.Array(Schema.String)),
    }),
  ),
});

export interface Form {
  /** An address is accepted or not, and has no values. */
  readonly kind: "form" | "address";
  readonly message: string;
  readonly fields: ReadonlyArray<readonly [id: string, field: Field]>;
  readonly required: ReadonlySet<string>;
}

export type FormValue = string | number | boolean | Array<string>;

const readElicitation = read(Elicitation);

/** `undefined` for what is neither a form nor an address of the web. */
export const readForm = (params: unknown): Form | undefined => {
  const elicitation = readElicitation(params);
  if (elicitation === undefined) return undefined;
  const { mode, message, url, requestedSchema } = elicitation;
  if (mode === "url") return addressForm(message, url ?? "");
  if ((mode ?? "form") !== "form") return undefined;
  return {
    kind: "form",
    message,
    fields: Object.entries(requestedSchema?.properties ?? {}),
    required: new Set(requestedSchema?.required),
  };
};

/** Whether the person went there is all that the agent is told. Nothing is opened for them, and the host stands apart. */
const addressForm = (message: string, address: string): Form | undefined => {
  const url = URL.parse(address);
  if (url === null || !(url.protocol === "https:" || url.protocol === "http:")) return undefined;
  const lines = [message, `Open this address of ${url.host}, and accept when you have: ${url.href}`];
  return { kind: "address", message: lines.join("\n"), fields: [], required: new Set() };
};

/** The id of the question that stands for a form without fields: a plain yes or no. */
export const CONFIRM = "confirm";

export const questionsOf = (form: Form): ReadonlyArray<UserInputQuestion> => {
  if (form.fields.length === 0) {
    const options = [
      { value: "accept", label: "Accept" },
      { value: "decline", label: "Decline" },
    ];
    return [{ id: CONFIRM, prompt: boundText(form.message, MAX_PROMPT), options }];
  }
  return form.fields.map(([id, field], index) => {
    const about = [field.title ?? (form.fields.length > 1 ? id : undefined), field.description];
    const several = field.type === "array" ? "(Several answers: one a line.)" : undefined;
    // A form says once what it is about; its questions go out one by one.
    const lines = [index === 0 ? form.message : undefined, ...about, several];
    const text = lines.filter((line) => Predicate.isString(line) && line !== "").join("\n");
    const prompt = boundText(text, MAX_PROMPT);
    const options = choicesOf(field)?.slice(0, MAX_CHOICES);
    return options === undefined ? { id, prompt } : { id, prompt, options };
  });
};

const choicesOf = (field: Field): UserInputQuestion["options"] => {
  if (field.type === "boolean") {
    return [
      { value: "true", label: "Yes" },
      { value: "false", label: "No" },
    ];
  }
  const titled = field.oneOf ?? field.items?.anyOf;
  if (titled) return titled.map((choice) => ({ value: choice.const, label: choice.title ?? choice.const }));
  const plain = field.enum ?? field.items?.enum;
  return plain?.map((value) => ({ value, label: value }));
};

/** The form's values, or what is wrong with the answers. `undefined` content: the person declined. */
export type Filled =
  | { readonly ok: true; readonly content: Record<string, FormValue> | undefined }
  | { readonly ok: false; readonly problem: string };

export const fill = (form: Form, answers: Readonly<Record<string, string>>): Filled => {
  if (Object.keys(answers).length === 0) return { ok: true, content: undefined };
  if (form.fields.length === 0) return { ok: true, content: answers[CONFIRM] === "accept" ? {} : undefined };
  const content: Record<string, FormValue> = {};
  for (const [id, field] of form.fields) {
    const answer = answers[id];
    if (answer === undefined || answer === "") {
      if (form.required.has(id)) return { ok: false, problem: `"${id}" needs an answer.` };
      continue;
    }
    const value = valueOf(field, answer);
    if (value === undefined) return { ok: false, problem: `"${answer}" is no answer to "${id}".` };
    content[id] = value;
  }
  return { ok: true, content };
};

const valueOf = (field: Field, answer: string): FormValue | undefined => {
  const choices = choicesOf(field)?.map(({ value }) => value);
  switch (field.type) {
    case "boolean":
      return choices?.includes(answer) ? answer === "true" : undefined;
    case "integer":
    case "number": {
      const number = Number(answer);
      return Number.isFinite(number) && (field.type === "number" || Number.isInteger(number))
        ? number
        : undefined;
    }
    case "array": {
      const values = answer.split("\n").map((line) => line.trim());
      return choices === undefined || values.every((value) => choices.includes(value)) ? values : undefined;
    }
    default:
      return choices === undefined || choices.includes(answer) ? answer : undefined;
  }
};
