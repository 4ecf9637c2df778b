import { onOff, text, word } from './option-kinds.ts';

/** AWS: names of stream consumers have 1 to 128 of these characters. */
const consumerNameForm = /^[a-zA-Z0-9_.-]{1,128}$/;
const consumerArnForm =
  /^arn:[a-z0-9-]+:kinesis:[a-z0-9-]+:\d{12}:stream\/[a-zA-Z0-9_.-]{1,128}\/consumer\/[a-zA-Z0-9_.-]{1,128}:\d+$/;

/** The name that a stream consumer has unless one is given: that of the application, as far as Kinesis takes it. */
export function defaultConsumerName(applicationName: string): string {
  return applicationName.slice(0, 128);
}

/** The stream consumer of enhanced fan-out. All of them need `retrievalMode` FAN_OUT. */
export const fanOutOptions = {
  consumerName: text(
    {
      brief: 'The stream consumer of FAN_OUT by its name; it is registered when it is missing.',
      defaultText: 'the application name',
      expects: '1 to 128 letters, digits, dots, dashes or underscores',
    },
    (name) => consumerNameForm.test(name),
  ),
  consumerArn: text(
    {
      brief: 'A registered stream consumer of FAN_OUT by its ARN; this or the name.',
      expects: 'an ARN such as arn:aws:kinesis:eu-west-1:123456789012:stream/orders/consumer/mailer:1700000000',
    },
    (arn) => consumerArnForm.test(arn),
  ),
  onConsumerLimit: word(
    {
      brief:
        'What FAN_OUT does when the stream takes no further consumer: the run fails, or shards are read by POLLING.',
      defaultText: 'FAIL',
    },
    ['FAIL', 'POLLING'],
  ),
  deregisterConsumer: onOff({
    brief: 'Whether FAN_OUT deregisters its consumer at the end; other workers that run lose their subscriptions.',
    defaultText: 'false',
  }),
};
