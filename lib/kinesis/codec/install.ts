import type { EventSink } from '../../event/bus.ts';
import type { Codec } from './codec.ts';
import { GetRecordsProtocol, type ProtocolMethods } from './protocol.ts';
import { SubscribeProtocol } from './subscribe-protocol.ts';

/** The part of an SDK client that a codec needs: the protocol in its configuration. */
export interface ProtocolClient {
  readonly config: { protocol?: unknown };
}

/** What stands in front of a client's protocol, by that protocol, so that a second wish does not wrap the first. */
const wrapped = new WeakMap<object, object>();

/**
 * Gives a codec to an SDK client as its protocol: requests and answers of GetRecords pass through it, everything else goes
 * to the client's own protocol as before. A later call replaces the codec of an earlier one; `sdk` takes it away. Answers
 * with what decodes, or with `undefined` when the SDK does: for `sdk`, and (with the event `codec.fellBack`) when the client
 * has no protocol that could be replaced, as those of other versions have not.
 */
export function installCodec(client: ProtocolClient, codec: Codec, events: EventSink): GetRecordsProtocol | undefined {
  const { config } = client;
  const given = config.protocol;
  const base = isObject(given) ? (wrapped.get(given) ?? given) : undefined;
  if (codec === 'sdk') {
    if (base !== undefined && base !== given) config.protocol = base;
    return undefined;
  }
  const own = base !== undefined && isProtocol(base) ? new GetRecordsProtocol(base, codec, events) : undefined;
  if (own === undefined || !replaceProtocol(config, base as object, own)) {
    const reason = 'the client has no protocol that could be replaced';
    events.publish({ type: 'codec.fellBack', codec, to: 'sdk', reason, times: 1 });
    return undefined;
  }
  return own;
}

/**
 * Lets an SDK client give out the event stream of SubscribeToShard as it comes, as a `RawSubscription`, instead of decoding
 * it. Everything else goes to the client's protocol as before, a codec's included. `false`, with the event `codec.fellBack`,
 * when the client has no protocol that could be replaced; then the SDK decodes.
 */
export function installSubscriptions(client: ProtocolClient, events: EventSink): boolean {
  const { config } = client;
  const base = config.protocol;
  if (isObject(base) && isProtocol(base) && replaceProtocol(config, base, new SubscribeProtocol(base))) return true;
  const reason = 'the client has no protocol that could be replaced';
  events.publish({ type: 'codec.fellBack', codec: 'json', to: 'sdk', reason, times: 1 });
  return false;
}

function replaceProtocol(config: { protocol?: unknown }, base: object, own: Partial<ProtocolMethods>): boolean {
  const methods: Readonly<Record<string, unknown>> = {
    ...(own.serializeRequest === undefined ? {} : { serializeRequest: own.serializeRequest.bind(own) }),
    ...(own.deserializeResponse === undefined ? {} : { deserializeResponse: own.deserializeResponse.bind(own) }),
  };
  const protocol = new Proxy(base, {
    get(target, name) {
      if (typeof name === 'string' && Object.hasOwn(methods, name)) return methods[name];
      const value: unknown = Reflect.get(target, name, target);
      // Methods of the base see the base, whatever they keep in it.
      return typeof value === 'function' ? (value.bind(target) as unknown) : value;
    },
  });
  try {
    config.protocol = protocol;
  } catch {
    return false;
  }
  if (config.protocol !== protocol) return false;
  if (own instanceof GetRecordsProtocol) wrapped.set(protocol, base);
  return true;
}

function isProtocol(value: object): value is ProtocolMethods {
  return (
    'serializeRequest' in value &&
    typeof value.serializeRequest === 'function' &&
    'deserializeResponse' in value &&
    typeof value.deserializeResponse === 'function'
  );
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}
