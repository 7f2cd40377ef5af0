import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { join } from "node:path";
import { assert, describe, it } from "@effect/vitest";
import { EVENT_TYPES, EventPayloads, type EventType, eventVersion } from "@heddle/contracts/Events";
import { Schema } from "effect";
import { payloadCodec } from "../src/EventCodec.ts";
import { UPCASTERS } from "../src/Upcasters.ts";

/**
 * `samples/<type>.v<version>.json` holds payloads as that version wrote them. Never change one: a new version of a type
 * gets a new file, beside those before it.
 */
const SAMPLES = fileURLToPath(new URL("samples", import.meta.url));

const samplesOf = (type: EventType, version: number): ReadonlyArray<Schema.Json> =>
  JSON.parse(readFileSync(join(SAMPLES, `${type}.v${version}.json`), "utf8"));

const codecOf = (type: EventType) =>
  payloadCodec({
    schema: EventPayloads[type],
    version: eventVersion(type),
    upcasters: UPCASTERS[type] ?? [],
  });

const versions = EVENT_TYPES.flatMap((type) =>
  Array.from({ length: eventVersion(type) }, (_, index) => [type, index + 1] as const),
);

describe("every version of an event that was ever written", () => {
  it("has its sample, and no sample is of a version that is not known", () => {
    assert.deepStrictEqual(
      readdirSync(SAMPLES).toSorted(),
      versions.map(([type, version]) => `${type}.v${version}.json`).toSorted(),
    );
  });

  it.each(versions)(
    "%s version %i is read as the present version, and would be written as that",
    (type, version) => {
      const codec = codecOf(type);
      const samples = samplesOf(type, version);
      assert.isNotEmpty(samples);
      for (const sample of samples) {
        const written = JSON.parse(JSON.stringify(codec.encode(codec.decode(sample, version))));
        assert.deepStrictEqual(codec.decode(written, codec.version), codec.decode(sample, version));
        // A change of what the present version writes needs a new version, and an upcaster.
        if (version === codec.version) assert.deepStrictEqual(written, sample);
      }
    },
  );

  it.each(EVENT_TYPES)("%s has an upcaster from each version to the next", (type) => {
    assert.lengthOf(UPCASTERS[type] ?? [], eventVersion(type) - 1);
  });
});

describe("a type of event at its third version", () => {
  const codec = payloadCodec({
    schema: Schema.Struct({ name: Schema.String, tags: Schema.Array(Schema.String), size: Schema.Int }),
    version: 3,
    upcasters: [
      (payload) => ({ ...(payload as object), tags: [] }),
      (payload) => {
        const { title, ...rest } = payload as { title: string };
        return { ...rest, name: title, size: title.length };
      },
    ],
  });

  it.each([
    [1, { title: "Loom" }, { name: "Loom", tags: [], size: 4 }],
    [2, { title: "Loom", tags: ["a"] }, { name: "Loom", tags: ["a"], size: 4 }],
    [3, { name: "Loom", tags: ["a"], size: 9 }, { name: "Loom", tags: ["a"], size: 9 }],
  ])("reads version %i through the upcasters that it still needs", (version, stored, read) => {
    assert.deepStrictEqual(codec.decode(stored, version), read);
  });

  it("does not read a fourth, which a newer Heddle wrote, even where it happens to fit", () => {
    assert.throws(
      () => codec.decode({ name: "Loom", tags: [], size: 4 }, 4),
      "a newer Heddle wrote it; this one knows its type up to version 3",
    );
  });
});
