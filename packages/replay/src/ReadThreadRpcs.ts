/** What the reading thread is asked. Inputs are decoded by then. */
import { RpcGroup } from "effect/rpc";
import { InspectionReadRpcs } from "./inspect/InspectionReads.ts";
import { TravelReadRpcs } from "./travel/TravelReads.ts";

export const ReadThreadRpcs = RpcGroup.make().merge(InspectionReadRpcs, TravelReadRpcs);
