import { floor, floorCbor } from './floor-variants.ts';
import { lifion, sdk2 } from './lifion-variant.ts';
import { cbor, fanOut, json } from './millrace-variants.ts';
import { fanOutSdk, sdk, sdkShared } from './sdk-variants.ts';
import type { MakeReadVariant } from './variant.ts';

/** The ways to read that are compared, by name. */
export const readVariants: Readonly<Record<string, MakeReadVariant>> = {
  sdk,
  sdkShared,
  json,
  cbor,
  fanOutSdk,
  fanOut,
  sdk2,
  lifion,
  floor,
  floorCbor,
};
