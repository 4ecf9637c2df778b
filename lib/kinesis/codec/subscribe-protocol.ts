import { joinChunks } from './body.ts';
import {
  type Answer,
  type CallContext,
  type Operation,
  type ProtocolMethods,
  chunksOf,
  headerOf,
  metadataOf,
} from './protocol.ts';
import { type EventBody, isEventBody } from './subscription-body.ts';
import { type AnswerMetadata, UnreadableAnswer } from './unreadable.ts';

/** What SubscribeToShard answers with in place of the SDK's output: its event stream as it comes. */
export class RawSubscription {
  readonly $metadata: AnswerMetadata;
  readonly body: EventBody;

  constructor($metadata: AnswerMetadata, body: EventBody) {
    this.$metadata = $metadata;
    this.body = body;
  }
}

const eventStreamType = 'application/vnd.amazon.eventstream';
/** How much of an answer that is no event stream its error quotes. */
const quotedCharacters = 100;

/** Stands in front of the protocol of an SDK client, for the answers of SubscribeToShard alone. */
export class SubscribeProtocol implements Pick<ProtocolMethods, 'deserializeResponse'> {
  readonly #base: ProtocolMethods;

  constructor(base: ProtocolMethods) {
    this.#base = base;
  }

  /**
   * Gives the event stream out. Refusals are left to the SDK, and bodies that are no streams of Node.
   * @throws UnreadableAnswer when the answer says that it is something else than an event stream
   */
  async deserializeResponse(operation: Operation, context: CallContext, answer: Answer): Promise<object> {
    const { body } = answer;
    if (operation.name !== 'SubscribeToShard' || answer.statusCode >= 300 || !isEventBody(body)) {
      return this.#base.deserializeResponse(operation, context, answer);
    }
    const type = headerOf(answer, 'content-type');
    if (type === undefined || type.startsWith(eventStreamType)) return new RawSubscription(metadataOf(answer), body);
    const text = joinChunks(await chunksOf(answer, context)).toString('utf8', 0, quotedCharacters);
    const error = new UnreadableAnswer(
      `SubscribeToShard was answered with ${type}, not with an event stream: ${JSON.stringify(text)}; is the endpoint really Kinesis?`,
    );
    error.$metadata = metadataOf(answer);
    throw error;
  }
}
