/** How adapters read what agents send: they take what they know of it, and mind nothing else. */
import { Option, Schema } from "effect";

/** Agents leave out, or say `null`, as they like. */
export const maybe = <S extends Schema.Constraint>(schema: S) => Schema.optionalKey(Schema.NullOr(schema));

/** Decodes, or says that it is nothing Heddle knows. */
export const read = <S extends Schema.ConstraintDecoder<unknown>>(schema: S) => {
  const decode = Schema.decodeUnknownOption(schema);
  return (input: unknown): S["Type"] | undefined => Option.getOrUndefined(decode(input));
};
