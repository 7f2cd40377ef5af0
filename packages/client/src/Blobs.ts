/** Content that an event or a row only refers to: the whole of it, over as many pages as it takes. */
import type { ReadError } from "@heddle/contracts/Errors";
import type { BlobPage } from "@heddle/contracts/Rpc";
import { Effect, Result } from "effect";
import { Base64 } from "effect/encoding";
import type { ConnectionError, HeddleClientService } from "./HeddleClient.ts";

type Client = Pick<HeddleClientService, "getBlob">;

/** The bytes of a blob, by the hash that a reference (`BlobRef.$blob`, `AttachmentRef.blob`) gives. */
export const blobBytes = Effect.fn("blobBytes")(function* (
  client: Client,
  hash: string,
): Effect.fn.Return<Uint8Array, ReadError | ConnectionError> {
  let bytes = new Uint8Array(0);
  let offset: number | null = 0;
  while (offset !== null) {
    const page: BlobPage = yield* client.getBlob({ hash, offset });
    if (offset === 0) bytes = new Uint8Array(page.size);
    // A server that breaks its own contract is a bug.
    bytes.set(Result.getOrThrow(Base64.decode(page.data)), offset);
    offset = page.nextOffset;
  }
  return bytes;
});
