/** One event with all that belongs to it, for people. Pure. */
import type { CommandReceipt, EventDetails, RequestedEffect } from "@heddle/contracts/InspectionRpc";
import type { Schema } from "effect";
import { invocation } from "../Environment.ts";
import { bytesOf } from "./Bytes.ts";
import { bold, cyan, dim, green, red, yellow } from "./Colour.ts";
import { jsonText } from "./JsonText.ts";
import { reveal, revealLine } from "./Sanitize.ts";
import { moment } from "./Time.ts";

const NAME_CELLS = 18;

/** Ends with a line end. */
export const eventDetails = ({ event, unreadable, receipt, effects, blobs }: EventDetails): string => {
  const facts = event ?? unreadable;
  if (facts === null) return "";
  const rows = [
    ["sequence", String(facts.sequence)],
    ["event id", facts.eventId],
    ["stream", `${facts.aggregateKind} ${facts.streamId}, version ${facts.streamVersion}`],
    ["event version", String(facts.eventVersion)],
    ["occurred at", `${facts.occurredAt} (${moment(facts.occurredAt)} here)`],
    ["command", facts.commandId],
    ["cause", facts.causationEventId],
    ["correlation", facts.correlationId],
    ["actor", facts.actorKind],
  ] as const;
  const head = rows.map(([name, value]) => row(name, value)).join("");
  const content =
    unreadable === null
      ? `${section("Payload")}${json(event?.payload ?? {})}${metadataOf(event?.metadata ?? {})}`
      : `${red(`It cannot be read: ${revealLine(unreadable.reason)}`)}\n${rawText("Payload, as it is stored", unreadable.payloadText)}${rawText("Metadata", unreadable.metadataText)}${
          unreadable.charactersLeftOut === 0
            ? ""
            : dim(`… and ${unreadable.charactersLeftOut} more characters\n`)
        }`;
  return `${bold(revealLine(facts.eventType))}\n${head}${content}${receiptText(receipt, facts.commandId)}${effectsText(effects)}${blobsText(blobs)}`;
};

const row = (name: string, value: string | null): string =>
  `${dim(name.padEnd(NAME_CELLS))} ${value === null ? dim("–") : revealLine(value)}\n`;

const section = (title: string): string => `\n${cyan(title)}\n`;

// What was decoded from JSON is JSON, whatever its type calls it.
const json = (value: object): string => jsonText(value as Schema.JsonObject, "  ");

const metadataOf = (metadata: object): string =>
  Object.keys(metadata).length === 0 ? "" : `${section("Metadata")}${json(metadata)}`;

const rawText = (title: string, text: string): string => `${section(title)}${reveal(text)}\n`;

const receiptText = (receipt: CommandReceipt | null, commandId: string | null): string => {
  if (commandId === null) return "";
  if (receipt === null) return `${section("Receipt")}  ${dim("none: it was pruned")}\n`;
  const what =
    receipt.error === null
      ? `${green("accepted")} ${dim(`at ${receipt.acceptedAt}, up to event ${receipt.resultSequence}`)}`
      : red(`rejected: ${receipt.error.code}`);
  return `${section("Receipt")}  ${what}\n`;
};

/** `turn.start done: started` */
export const effectWords = ({ kind, status, attempts, outcome }: RequestedEffect): string => {
  const style = status === "dead" ? red : status === "done" ? green : yellow;
  const tries = attempts > 1 ? ` after ${attempts} tries` : "";
  return `${kind} ${style(status)}${tries}${outcome === null ? "" : `: ${revealLine(outcome)}`}`;
};

const effectsText = (effects: ReadonlyArray<RequestedEffect>): string =>
  effects.length === 0
    ? ""
    : `${section("Effects")}${effects.map((effect) => `  ${effectWords(effect)} ${dim(`(${effect.updatedAt}, lane ${revealLine(effect.lane)})`)}\n`).join("")}`;

const blobsText = (blobs: EventDetails["blobs"]): string =>
  blobs.length === 0
    ? ""
    : `${section("Blobs")}${blobs.map(({ hash, bytes, stored }) => `  ${bytesOf(bytes)}: ${stored ? `${invocation} blob show ${hash}` : red(`${hash} is missing`)}\n`).join("")}`;
