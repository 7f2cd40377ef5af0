/** What the reading thread is asked. Inputs are decoded by then. */
import { RpcGroup } from "effect/rpc";
import { InspectionReadRpcs } from "./InspectionReads.ts";
import { TravelReadRpcs } from "./TravelReads.ts";

export const ReadThreadRpcs = RpcGroup.make().merge(InspectionReadRpcs, TravelReadRpcs);
