import { describe, expect, it } from "vitest";
import { isCalled, shortRequestId } from "../src/render/Request.ts";

describe("the short id of a request", () => {
  it.each([
    ["request:AbCdEfGhIjKlMnOp", "AbCdEfGh"],
    ["request:-bCdEfGhIjKlMnOp", "bCdEfGhI"],
    ["request:--CdEfGhIjKlMnOp", "CdEfGhIj"],
    ["of-another-form", "of-anoth"],
  ])("of %s is %s: it can be typed behind a command, and names the request", (requestId, short) => {
    expect(shortRequestId(requestId)).toBe(short);
    expect(isCalled(requestId, short)).toBe(true);
    expect(isCalled(requestId, requestId)).toBe(true);
    expect(isCalled(requestId, `${short}?`)).toBe(false);
  });
});
