/** Decodes what a client sends, and says of each thing that is wrong where it is and why. */
import { ClientCommand, SERVER_COMMAND_TYPES } from "@heddle/contracts/Commands";
import { InvalidInput, ServerOnlyCommand } from "@heddle/contracts/Errors";
import { SERVER_COMMAND_ID_PREFIX } from "@heddle/contracts/Ids";
import { Effect, Predicate, Result, Schema, SchemaIssue } from "effect";

const formatIssues = SchemaIssue.makeFormatterStandardSchemaV1();

/** A decoder for one method's payload; it fails with `InvalidInput`. */
export const inputOf = <A>(method: string, schema: Schema.Codec<A, unknown>) => {
  const decode = Schema.decodeUnknownEffect(schema, { errors: "all" });
  return (payload: unknown): Effect.Effect<A, InvalidInput> =>
    Effect.mapError(decode(payload ?? {}), (error) => invalid(method, issuesOf(error)));
};

/** Each thing that is wrong, with where it is. */
export const issuesOf = (error: Schema.SchemaError): InvalidInput["issues"] =>
  formatIssues(error.issue).issues.map(({ path, message }) => ({ path: formatPath(path ?? []), message }));

type Path = NonNullable<ReturnType<typeof formatIssues>["issues"][number]["path"]>;

/** The failure of a method; of the frame itself where `method` is "". */
export const invalid = (method: string, issues: InvalidInput["issues"]): InvalidInput => {
  const list = issues.map(({ path, message }) => (path === "" ? message : `${path}: ${message}`)).join("; ");
  const what = method === "" ? "The frame could not be read" : `${method} cannot take this`;
  return new InvalidInput({ method, message: `${what}: ${list}`, issues });
};

/** As one would write it in code: `message.attachments[0].name`. */
const formatPath = (path: Path): string =>
  path
    .map((segment) => (typeof segment === "object" ? segment.key : segment))
    .map((key, index) =>
      typeof key === "number" ? `[${key}]` : index === 0 ? String(key) : `.${String(key)}`,
    )
    .join("");

const METHOD = "orchestration.dispatchCommand";
const decodeCommand = Schema.decodeUnknownResult(ClientCommand, { errors: "all" });
const CLIENT_TYPES = Object.keys(ClientCommand.cases);
const SERVER_TYPES: ReadonlySet<string> = new Set(SERVER_COMMAND_TYPES);

/** The command of a client; the server's own are refused. */
export const readCommand = (
  payload: unknown,
): Result.Result<ClientCommand, InvalidInput | ServerOnlyCommand> => {
  const type = Predicate.hasProperty(payload, "type") ? payload.type : undefined;
  if (typeof type === "string" && SERVER_TYPES.has(type)) {
    const message = `${type} is the server's own command; no client may send it.`;
    return Result.fail(new ServerOnlyCommand({ commandType: type, message }));
  }
  if (typeof type !== "string" || !CLIENT_TYPES.includes(type)) {
    const given = type === undefined ? "It is missing." : `${JSON.stringify(type)} is none.`;
    const message = `Expected a command's name. ${given} There are: ${CLIENT_TYPES.join(", ")}`;
    return Result.fail(invalid(METHOD, [{ path: "type", message }]));
  }
  const decoded = decodeCommand(payload);
  if (Result.isFailure(decoded)) return Result.fail(invalid(METHOD, issuesOf(decoded.failure)));
  if (!decoded.success.commandId.startsWith(SERVER_COMMAND_ID_PREFIX)) return Result.succeed(decoded.success);
  const message = `Ids that begin with ${SERVER_COMMAND_ID_PREFIX} are the server's own.`;
  return Result.fail(invalid(METHOD, [{ path: "commandId", message }]));
};
