import * as v from 'valibot';
import type { Credentials } from './consumer-options.ts';
import type { OptionSpec } from './option.ts';
import { programValue, text } from './option-kinds.ts';

const identity = v.object({
  accessKeyId: v.pipe(v.string(), v.nonEmpty()),
  secretAccessKey: v.pipe(v.string(), v.nonEmpty()),
  sessionToken: v.optional(v.string()),
  expiration: v.optional(v.date()),
});

const credentials: OptionSpec<Credentials> = {
  ...programValue(
    {
      brief: 'Keys for both services.',
      defaultText: "the SDK's own chain",
      expects: '{ accessKeyId, secretAccessKey } or a function that fetches them',
    },
    v.custom<Credentials>((value) => typeof value === 'function' || v.is(identity, value)),
  ),
  isSecret: true,
};

/** The URL of a service. */
export function endpoint(service: string): OptionSpec<string> {
  return text(
    {
      brief: `URL of ${service}, for emulators and private endpoints.`,
      defaultText: "the SDK's own chain",
      expects: 'a URL that begins with http:// or https://',
    },
    (value) => /^https?:\/\//.test(value) && URL.canParse(value),
  );
}

/** How the services are reached. */
export const connectionOptions = {
  region: text(
    {
      brief: 'The AWS region.',
      defaultText: "from the ARN, else the SDK's own chain",
      expects: 'a region such as eu-west-1',
    },
    (value) => /^[a-z0-9-]{1,63}$/.test(value),
  ),
  credentials,
  kinesisEndpoint: endpoint('Kinesis'),
  dynamoDBEndpoint: endpoint('DynamoDB'),
};
