import { text, wordOrTime } from './option-kinds.ts';

/** AWS: table names have 3 to 255 of these characters. */
const tableNameForm = /^[a-zA-Z0-9_.-]{3,255}$/;
/** AWS: stream names have 1 to 128 of these characters. */
const streamNameForm = /^[a-zA-Z0-9_.-]{1,128}$/;
const streamArnForm = /^arn:[a-z0-9-]+:kinesis:([a-z0-9-]+):(\d{12}):stream\/([a-zA-Z0-9_.-]{1,128})$/;
const workerIdentifierForm = /^[\x21-\x7e]{1,256}$/;

/** The region and the name inside an ARN of a stream. */
export function partsOfStreamArn(arn: string): { region: string; streamName: string } {
  const [, region = '', , streamName = ''] = streamArnForm.exec(arn) ?? [];
  return { region, streamName };
}

/** Whether DynamoDB takes this name for a table. */
export function isTableName(name: string): boolean {
  return tableNameForm.test(name);
}

/** Whether Kinesis takes this name for a stream. */
export function isStreamName(name: string): boolean {
  return streamNameForm.test(name);
}

/** Who reads what, from where to where. */
export const identityOptions = {
  applicationName: text(
    {
      brief: 'The name that all workers of the group share.',
      expects: '3 to 255 letters, digits, dots, dashes or underscores',
    },
    isTableName,
  ),
  tableName: text(
    {
      brief: 'The DynamoDB table of the leases.',
      defaultText: 'the application name',
      expects: '3 to 255 letters, digits, dots, dashes or underscores',
    },
    isTableName,
  ),
  streamName: text(
    {
      brief: 'The stream to read; this or the ARN.',
      expects: '1 to 128 letters, digits, dots, dashes or underscores',
    },
    isStreamName,
  ),
  streamArn: text(
    {
      brief: 'The stream to read, by its ARN; this or the name.',
      expects: 'an ARN such as arn:aws:kinesis:eu-west-1:123456789012:stream/orders',
    },
    (arn) => streamArnForm.test(arn),
  ),
  initialPosition: wordOrTime(
    {
      brief: 'Where shards are begun that have no lease yet: TRIM_HORIZON, LATEST or a time with a zone.',
      defaultText: 'TRIM_HORIZON',
    },
    ['TRIM_HORIZON', 'LATEST'],
  ),
  until: wordOrTime(
    { brief: 'Ends the run: when CAUGHT_UP, at the tip seen at the start (LATEST), or at a time with a zone.' },
    ['CAUGHT_UP', 'LATEST'],
  ),
  workerIdentifier: text(
    {
      brief: 'Names this worker; no two workers may share a name.',
      defaultText: 'host:pid:8 hex digits',
      expects: '1 to 256 printable ASCII characters without spaces',
    },
    (name) => workerIdentifierForm.test(name),
  ),
};
