/**
 * How payloads of earlier versions become those of today, on read (SPEC section 7.2): history is never rewritten. The first
 * upcaster of a type takes its version 1 to 2, the next 2 to 3, and so on to the version in `EVENT_VERSIONS`.
 */
import type { EventType } from "@heddle/contracts/Events";
import type { Schema } from "effect";

/** A payload's JSON, from one version to the next. Pure: it must give the same for ever. */
export type Upcaster = (payload: Schema.Json) => Schema.Json;

/** No type has had a second version yet. */
export const UPCASTERS: { readonly [Type in EventType]?: ReadonlyArray<Upcaster> } = {};
