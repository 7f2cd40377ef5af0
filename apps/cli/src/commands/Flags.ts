/** Arguments and flags that several commands have. */
import { ModelSelection, Title } from "@heddle/contracts/Model";
import { Schema } from "effect";
import { Argument, Flag } from "effect/cli";

export const projectId = Argument.String("project").pipe(
  Argument.withDescription("Id of the project, or the beginning of it"),
);

export const threadId = Argument.String("thread").pipe(
  Argument.withDescription("Id of the thread, or the beginning of it"),
);

export const yes = (what: string) =>
  Flag.Boolean("yes").pipe(Flag.withAlias("y"), Flag.withDescription(what), Flag.withDefault(false));

export const title = (what: string) =>
  Flag.String("title").pipe(Flag.withDescription(what), Flag.withSchema(Title), Flag.optional);

export const model = (what: string) =>
  Flag.String("model").pipe(
    Flag.withMetavar("<agent[/model]>"),
    Flag.withDescription(what),
    Flag.withSchema(ModelSelection),
    Flag.optional,
  );

export const inProject = Flag.String("project").pipe(
  Flag.withMetavar("<id>"),
  Flag.withDescription("Id of the project, or the beginning of it"),
  Flag.optional,
);

export const Count = Schema.Int.check(Schema.isGreaterThanOrEqualTo(0));
export const Positive = (most: number) => Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: most }));

export const noWatch = Flag.Boolean("no-watch").pipe(
  Flag.withoutNegation,
  Flag.withDescription("Send it, and do not wait for the turn to end"),
  Flag.withDefault(false),
);
