import { describe, expect, it } from 'vitest';
import { type AwsCall, callsAllowedBy, callsOf, differencesOf } from './aws-calls.ts';

const userAgent = 'aws-sdk-js/3.1162.0 ua/2.1 os/linux lang/js md/nodejs#20.20.2 api/dynamodb#3.1162.0 millrace';
const request = { method: 'POST', path: '/', userAgent, target: '' };

describe('callsOf', () => {
  it.each<[string, string | undefined, readonly string[]]>([
    ['Kinesis_20131202.GetRecords', undefined, ['kinesis:GetRecords on stream']],
    ['Kinesis_20131202.SubscribeToShard', undefined, ['kinesis:SubscribeToShard on stream consumer']],
    ['DynamoDB_20120810.GetItem', '{"TableName":"a"}', ['dynamodb:GetItem on table of leases']],
    ['DynamoDB_20120810.GetItem', '{"TableName":"a-Engine"}', ['dynamodb:GetItem on table Engine']],
    ['DynamoDB_20120810.Query', '{"TableName":"a","IndexName":"i"}', ['dynamodb:Query on index of leases']],
    ['DynamoDB_20120810.Scan', undefined, ['dynamodb:Scan on unknown']],
    ['DynamoDB_20120810.TransactWriteItems', '{}', ['dynamodb:PutItem on table of a sink']],
    ['GraniteServiceVersion20100801.PutMetricData', undefined, ['cloudwatch:PutMetricData on anything']],
  ])('reads %s with %s', (target, body, calls) => {
    const seen = callsOf({ ...request, target, ...(body === undefined ? {} : { body }) });
    expect(seen.map(({ action, kind }) => `${action} on ${kind}`)).toEqual(calls);
  });

  it.each([
    ['GET', '/bucket?list-type=2&prefix=a', 's3:ListBucket', 'bucket'],
    ['GET', '/bucket/key?x-id=GetObject', 's3:GetObject', 'object'],
    ['PUT', '/bucket/key?x-id=PutObject', 's3:PutObject', 'object'],
    ['DELETE', '/bucket/key?x-id=DeleteObject', 's3:DeleteObject', 'object'],
    ['POST', '/service/GraniteServiceVersion20100801/operation/PutMetricData', 'cloudwatch:PutMetricData', 'anything'],
  ])('reads %s %s', (method, path, action, kind) => {
    expect(callsOf({ ...request, method, path })).toEqual([{ action, kind }]);
  });

  it('passes over clients that are not of Millrace', () => {
    const target = 'Kinesis_20131202.CreateStream';
    expect(callsOf({ ...request, target, userAgent: userAgent.replace(' millrace', '') })).toEqual([]);
    expect(callsOf({ ...request, target, userAgent: 'millrace-like/1' })).toEqual([]);
  });
});

describe('differencesOf', () => {
  const allowed = callsAllowedBy({
    heading: 'h',
    actions: ['dynamodb:GetItem', 'dynamodb:PutItem'],
    resource: 'arn:aws:dynamodb:eu-west-1:111122223333:table/counts-Engine',
  });
  const put: AwsCall = { action: 'dynamodb:PutItem', kind: 'table Engine' };

  it('names what was called and is not allowed: the action, or the action on that thing', () => {
    const scan: AwsCall = { action: 'dynamodb:Scan', kind: 'unknown' };
    expect(
      differencesOf([put, scan, { ...put, kind: 'table of leases' }, { ...put, kind: 'unknown' }], allowed, false),
    ).toEqual([
      'dynamodb:PutItem on table of leases was called, and no policy of docs/iam.md allows it',
      'dynamodb:Scan on unknown was called, and no policy of docs/iam.md allows it',
    ]);
  });

  it('names what is allowed and was not called, once everything has run', () => {
    expect(differencesOf([put], allowed, true)).toEqual([
      'dynamodb:GetItem on table Engine is allowed by docs/iam.md, and no suite has called it',
    ]);
    expect(differencesOf([put], allowed, false)).toEqual([]);
  });
});
