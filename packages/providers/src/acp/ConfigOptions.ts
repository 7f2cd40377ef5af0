/** The settings that an agent offers for a session: its models, how hard it thinks, and others. Pure. */
import { Schema } from "effect";
import { maybe, read } from "../shared/Read.ts";

const Value = Schema.Struct({ value: Schema.String, name: Schema.String });

const Select = Schema.Struct({
  type: Schema.Literal("select"),
  id: Schema.String,
  category: maybe(Schema.String),
  currentValue: Schema.String,
  options: Schema.Array(Schema.Union([Value, Schema.Struct({ options: Schema.Array(Value) })])),
});

const Toggle = Schema.Struct({
  type: Schema.Literal("boolean"),
  id: Schema.String,
  category: maybe(Schema.String),
  currentValue: Schema.Boolean,
});

const readOption = read(Schema.Union([Select, Toggle]));

export interface ConfigOption {
  readonly id: string;
  readonly category: string | undefined;
  readonly current: string | boolean;
  /** Of a choice; a toggle has none. */
  readonly values: ReadonlyArray<typeof Value.Type> | undefined;
}

/** Options of kinds that Heddle does not know are left out. */
export const readConfigOptions = (
  options: ReadonlyArray<unknown> | null | undefined,
): ReadonlyArray<ConfigOption> =>
  (options ?? []).flatMap((raw) => {
    const option = readOption(raw);
    if (option === undefined) return [];
    const { id, category, currentValue: current } = option;
    const values =
      option.type === "select"
        ? option.options.flatMap((entry) => ("options" in entry ? entry.options : [entry]))
        : undefined;
    return [{ id, category: category ?? undefined, current, values }];
  });

export interface Wish {
  /** What a person calls it: `model`, `effort`, or an option's own id. */
  readonly name: string;
  readonly find: (option: ConfigOption) => boolean;
  readonly value: unknown;
}

export type Granted =
  | { readonly type: "set"; readonly option: ConfigOption; readonly value: string | boolean }
  | { readonly type: "as-is" }
  | { readonly type: "ignored"; readonly why: string };

/** What there is to do for a wish, of a person who names a value by its id or by its exact name. */
export const grant = (wish: Wish, options: ReadonlyArray<ConfigOption>): Granted => {
  const option = options.find(wish.find);
  if (option === undefined) return { type: "ignored", why: `this agent has no option for ${wish.name}` };
  const wanted = wish.value;
  const value =
    option.values === undefined
      ? wanted
      : (
          option.values.find((candidate) => candidate.value === wanted) ??
          option.values.find((candidate) => candidate.name === wanted)
        )?.value;
  if (typeof value !== (option.values === undefined ? "boolean" : "string")) {
    const known = option.values?.map((candidate) => candidate.value) ?? ["true", "false"];
    return { type: "ignored", why: `this agent knows ${known.join(", ")}` };
  }
  if (value === option.current) return { type: "as-is" };
  return { type: "set", option, value: typeof value === "boolean" ? value : String(value) };
};
