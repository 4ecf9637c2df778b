import { describe, expect, it } from 'vitest';
import { checkValues } from '../../../lib/app/config/check.ts';
import { isUsableToken, checkedUiOptions } from '../../../lib/app/config/ui-options.ts';
import { isMillraceError } from '../../../lib/base/error.ts';

/** What a program may give and may not: one option of each kind, at the edges of its values. */
const kinds: readonly {
  readonly option: string;
  readonly taken: readonly unknown[];
  readonly refused: readonly unknown[];
}[] = [
  {
    option: 'maxBufferedBytes',
    taken: [65_536, Number.MAX_SAFE_INTEGER],
    refused: [65_535, 2 ** 53, NaN, Infinity, -Infinity, 65_536.5, 65_536n, '65536', null, [65_536], new Date(65_536)],
  },
  {
    option: 'receiverRestartDelayMillis',
    taken: [0, -0, 2_147_483_647],
    refused: [-1, 0.5, 2_147_483_648, NaN, true, {}],
  },
  {
    option: 'maxThroughputPerHostKBps',
    taken: [Number.MIN_VALUE, 1.5, Number.MAX_VALUE],
    refused: [0, -0, -1, NaN, Infinity, -Infinity, '1', 1n, null],
  },
  {
    option: 'onFailure.maximumRecordAgeInSeconds',
    taken: [-1, 1, 31_536_000],
    refused: [0, -2, -1.5, 31_536_001, NaN, Infinity, 2 ** 53, '-1', null],
  },
  {
    option: 'streamName',
    taken: ['a', 'a'.repeat(128)],
    refused: ['', 'a b', 'a'.repeat(129), 7, null, ['orders'], new String('orders')],
  },
  { option: 'codec', taken: ['json', 'sdk'], refused: ['JSON', '', ' json', 0, null, ['json'], NaN] },
  {
    option: 'metricsEnabledDimensions',
    taken: [[], ['Operation'], ['Operation', 'Operation']],
    refused: ['Operation', [''], ['operation'], [undefined], ['Operation', null], { 0: 'Operation', length: 1 }, null],
  },
  { option: 'cloudWatch', taken: [true, false], refused: ['true', 0, 1, null, new Boolean(true)] },
  {
    option: 'initialPosition',
    taken: ['LATEST', new Date(0), new Date(8.64e15)],
    refused: [new Date(NaN), 'latest', 0, '2026-01-31T12:00:00Z', null, {}],
  },
  {
    option: 'onFailure.then',
    taken: ['STOP', 'SKIP', { write: () => undefined }],
    refused: ['stop', {}, { write: 'failed.jsonl' }, null, () => undefined],
  },
  {
    option: 'credentials',
    taken: [
      { accessKeyId: 'a', secretAccessKey: 'b' },
      { accessKeyId: 'a', secretAccessKey: 'b', sessionToken: undefined, expiration: undefined, accountId: '1' },
      { accessKeyId: 'a', secretAccessKey: 'b', expiration: new Date(0) },
      () => undefined,
    ],
    refused: [
      { accessKeyId: '', secretAccessKey: 'b' },
      { accessKeyId: 'a' },
      { accessKeyId: 'a', secretAccessKey: 'b', sessionToken: 7 },
      { accessKeyId: 'a', secretAccessKey: 'b', sessionToken: null },
      { accessKeyId: 'a', secretAccessKey: 'b', expiration: new Date(NaN) },
      ['a', 'b'],
      null,
      'a',
    ],
  },
  {
    option: 'alerts',
    taken: [
      {},
      { stuckAttempts: 0, leaseChurn: undefined },
      { iteratorAgePartOfRetention: 1 },
      { totalDelayMillis: 0.5 },
    ],
    refused: [
      [],
      null,
      'stuckAttempts',
      { stuckAttempts: -1 },
      { stuckAttempts: NaN },
      { stuckAttempts: Infinity },
      { stuckAttempts: null },
      { iteratorAgePartOfRetention: 1.01 },
      { stuckAttempt: 3 },
      { constructor: 3 },
    ],
  },
  { option: 'ui', taken: [{}, { whatever: 1 }], refused: [null, true, 4040, () => undefined] },
  {
    option: 'logger',
    taken: [{ debug() {}, info() {}, warn() {}, error() {} }],
    refused: [{ debug() {}, info() {}, warn() {} }, () => undefined, null],
  },
  { option: 'listener', taken: [() => undefined], refused: [{}, null, 'log'] },
];

function check(option: string, value: unknown) {
  return checkValues([{ option, value, from: option, form: 'program' }]);
}

describe.each(kinds)('$option', ({ option, taken, refused }) => {
  it('is taken as it is', () => {
    expect(taken.map((value) => check(option, value))).toEqual(
      taken.map((value) => ({ values: { [option]: value }, problems: [] })),
    );
  });

  it('is refused otherwise', () => {
    const codes = refused.map((value) => [value, check(option, value).problems.map(({ code }) => code)]);
    expect(codes).toEqual(refused.map((value) => [value, ['MR_CONFIG_INVALID']]));
  });
});

describe('checked values', () => {
  it('do not change when the program changes its own afterwards', () => {
    const metricsEnabledDimensions = ['Operation'];
    const alerts = { stuckAttempts: 3 };
    const dimensions = check('metricsEnabledDimensions', metricsEnabledDimensions).values.metricsEnabledDimensions;
    const thresholds = check('alerts', alerts).values.alerts;
    metricsEnabledDimensions.push('ShardId');
    alerts.stuckAttempts = 4;
    expect([dimensions, thresholds]).toEqual([['Operation'], { stuckAttempts: 3 }]);
    expect(Object.isFrozen(dimensions)).toBe(true);
  });
});

describe('the options of the page', () => {
  const token = 'a-token-of-the-tests';

  it.each([
    {},
    { port: 0 },
    { port: 65_535, host: '::1', token, tokenFile: '/run/token', allowedHosts: [], onListening: () => undefined },
    { port: undefined, host: undefined, token: undefined, allowedHosts: undefined, onListening: undefined },
  ])('are taken as they are: %j', (given) => {
    expect(checkedUiOptions(given)).toEqual(given);
  });

  it.each([
    [[], 'ui is an array: give an object such as { port: 4040 }'],
    [null, 'ui is null: give an object such as { port: 4040 }'],
    [{ port: NaN }, 'ui.port is NaN: give a whole number from 0 (any free port) to 65535'],
    [{ port: 2 ** 53 }, 'ui.port is 9007199254740992: give'],
    [{ port: Infinity }, 'ui.port is Infinity: give'],
    [{ port: null }, 'ui.port is null: give'],
    [{ port: '4040' }, 'ui.port is "4040": give'],
    [{ host: '' }, 'ui.host is "": give an address'],
    [{ tokenFile: '' }, 'ui.tokenFile is "": give the path'],
    [{ allowedHosts: ['a.example', 'a b'] }, 'ui.allowedHosts is an array: give an array of at most 100 names'],
    [{ allowedHosts: Array.from({ length: 101 }, () => 'a') }, 'ui.allowedHosts is an array: give an array'],
    [{ onListening: 'print' }, 'ui.onListening is "print": give a function'],
    [{ port: -1, prot: 1 }, 'ui.port is -1: give'],
  ])('are refused by the name of the field: %j', (given, says) => {
    expect(refusalOf(given)).toMatchObject({ code: 'MR_CONFIG_INVALID', message: expect.stringContaining(says) });
  });

  it('are refused by the name of the key that is not known', () => {
    for (const key of ['prot', 'constructor', 'toString', '0']) {
      expect(refusalOf({ port: 1, [key]: undefined })).toMatchObject({
        code: 'MR_CONFIG_UNKNOWN',
        message: expect.stringContaining(`unknown option "ui.${key}": ui has port, host, token,`),
      });
    }
  });

  it('are refused without a token that is shown', () => {
    const secret = 'too short';
    const refused = refusalOf({ token: secret });
    expect(refused).toMatchObject({ code: 'MR_CONFIG_INVALID', subject: { option: 'ui.token' } });
    expect(refused.message).not.toContain(secret);
  });

  it('have a token of 16 to 512 printable characters', () => {
    const texts = ['x'.repeat(15), 'x'.repeat(16), 'x'.repeat(512), 'x'.repeat(513), `${'x'.repeat(16)}\n`];
    expect(texts.map(isUsableToken)).toEqual([false, true, true, false, false]);
  });
});

function refusalOf(given: unknown): Error {
  try {
    checkedUiOptions(given);
  } catch (thrown) {
    if (isMillraceError(thrown)) return thrown;
    throw thrown;
  }
  throw new Error('nothing was refused');
}
