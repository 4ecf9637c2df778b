import { describe, expect, it } from 'vitest';
import { parseTestAwsOptions, testAwsHelp } from './test-aws/options.ts';
import { planText } from './test-aws/plan.ts';

describe('the command line of test:aws', () => {
  it('names a region, and agrees to nothing by itself', () => {
    const options = { region: 'eu-west-1', yes: false, cleanup: false, json: false };
    expect(parseTestAwsOptions(['--region', 'eu-west-1'])).toEqual({ tag: 'run', options });
    const all = ['--region=us-gov-west-1', '--yes', '--json', '--cleanup'];
    expect(parseTestAwsOptions(all)).toMatchObject({ tag: 'run', options: { yes: true, json: true, cleanup: true } });
  });

  it.each([
    [[], 'name the region'],
    [['--region', 'here'], '--region "here" is no region'],
    [['--region'], '--region has no value'],
    [['--region', 'eu-west-1', '--yess'], 'did you mean --yes?'],
    [['--region', 'eu-west-1', '--yes=no'], '--yes takes no value'],
    [['--region', 'eu-west-1', 'now'], 'unknown argument'],
    [['--region', 'eu-west-1', '--kinesis-endpoint', 'http://127.0.0.1:1'], 'both endpoints'],
    [['--region', 'eu-west-1', '--kinesis-endpoint', 'x', '--dynamodb-endpoint', 'y'], '"x" is no URL'],
  ])('refuses %j', (args, words) => {
    const request = parseTestAwsOptions(args);
    expect(request.tag).toBe('refused');
    expect(request.tag === 'refused' && request.message).toContain(words);
  });

  it('shows calls and cost, or what it would delete', () => {
    const options = { region: 'eu-west-1', yes: false, cleanup: false, json: false };
    expect(planText(options)).toMatch(
      /AWS, region eu-west-1[^]*CreateStream[^]*At most \$0\.36[^]*kinesis\/data-streams\/pricing/,
    );
    expect(planText({ ...options, cleanup: true })).toContain('begins with millrace-test-aws-');
    expect(testAwsHelp()).toContain('--dynamodb-endpoint TEXT');
  });
});
