/** How lines of other programs are read: what is known of them is taken, and nothing else is minded. */
import { Option, Schema } from "effect";

/** Left out, or null, as the agent likes. */
export const maybe = <S extends Schema.Constraint>(schema: S) => Schema.optionalKey(Schema.NullOr(schema));

/** Decodes, or says that it is nothing that is known here. */
export const read = <S extends Schema.ConstraintDecoder<unknown>>(schema: S) => {
  const decode = Schema.decodeUnknownOption(schema);
  return (input: unknown): S["Type"] | undefined => Option.getOrUndefined(decode(input));
};
