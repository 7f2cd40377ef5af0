/** The demo agent as a process of its own: `node packages/providers/src/demo/main.ts`, ACP on its stdio. */
import { enableCompileCache } from "node:module";
import { Readable, Writable } from "node:stream";

// Most of a start is compiling the SDK, which is imported only now so that the cache is asked for it.
enableCompileCache();
const { ndJsonStream } = await import("@agentclientprotocol/sdk");
const { demoAgent } = await import("./DemoAgent.ts");

const stream = ndJsonStream(Writable.toWeb(process.stdout), Readable.toWeb(process.stdin));
await demoAgent().connect(stream).closed;
