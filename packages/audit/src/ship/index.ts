export { openShipper, type Shipper, type ShipperOptions } from "./open-shipper.ts";
export type { ShipNote } from "./ship-note.ts";
