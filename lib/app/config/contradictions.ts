import { legacyTableNames } from './assignment-settings.ts';
import type { CheckedValues } from './check.ts';
import { fanOutOptions } from './fan-out-options.ts';
import type { GivenValue } from './given-value.ts';
import { isTableName, partsOfStreamArn } from './identity-options.ts';
import type { ConsumerValues } from './option-list.ts';
import { type Problem, showValue } from './problem.ts';

/** What is wrong between values that are right by themselves. */
export function contradictions(given: ReadonlyMap<string, GivenValue>, { values }: CheckedValues): Problem[] {
  const problems: Problem[] = [];
  const { streamName, streamArn, region } = values;
  if (given.has('streamName') && given.has('streamArn')) {
    const message = `streamName (${given.get('streamName')?.from}) and streamArn (${given.get('streamArn')?.from}) are both given: give one of them`;
    problems.push({ code: 'MR_CONFIG_INVALID', option: 'streamArn', message });
  }
  if (streamName === undefined && streamArn !== undefined && region !== undefined) {
    const named = partsOfStreamArn(streamArn).region;
    const message = `region (${given.get('region')?.from}) is "${region}", but streamArn is in ${named}: remove one of them`;
    if (named !== region) problems.push({ code: 'MR_CONFIG_INVALID', option: 'region', message });
  }
  return [
    ...problems,
    ...fanOutContradictions(given, values),
    ...cloudWatchContradictions(given),
    ...tableContradictions(values),
  ];
}

/** Whoever says where CloudWatch is, and not whether, waits for figures that never come. */
function cloudWatchContradictions(given: ReadonlyMap<string, GivenValue>): Problem[] {
  const endpoint = given.get('cloudWatchEndpoint');
  if (endpoint === undefined || given.has('cloudWatch')) return [];
  const message = `cloudWatchEndpoint (${endpoint.from}) has no effect while nothing goes to CloudWatch: set cloudWatch to true, or remove it`;
  return [{ code: 'MR_CONFIG_INVALID', option: 'cloudWatchEndpoint', message }];
}

/** An option that would have no effect is a misunderstanding. */
function fanOutContradictions(given: ReadonlyMap<string, GivenValue>, values: ConsumerValues): Problem[] {
  const problems: Problem[] = [];
  const names = Object.keys(fanOutOptions).filter((option) => given.has(option));
  if (given.has('consumerName') && given.has('consumerArn')) {
    const message = `consumerName (${given.get('consumerName')?.from}) and consumerArn (${given.get('consumerArn')?.from}) are both given: give one of them`;
    problems.push({ code: 'MR_CONFIG_INVALID', option: 'consumerArn', message });
  }
  if (values.retrievalMode === 'FAN_OUT') return problems;
  return [
    ...problems,
    ...names.map((option): Problem => {
      const message = `${option} (${given.get(option)?.from}) is for enhanced fan-out alone: set retrievalMode to FAN_OUT, or remove it`;
      return { code: 'MR_CONFIG_INVALID', option, message };
    }),
  ];
}

/** The rows of the three tables have different keys, so no two of them may be one; and names made of a long one may be none. */
function tableContradictions(values: ConsumerValues): Problem[] {
  const { applicationName, tableName = applicationName, coordinationTables } = values;
  if (applicationName === undefined) return [];
  const { coordinatorStateTableName, workerMetricsTableName } = legacyTableNames(values, applicationName);
  const names = { coordinatorStateTableName, workerMetricsTableName };
  const problems: Problem[] = [];
  for (const [option, name] of Object.entries(names)) {
    const message = `${option} is ${showValue(name)}, the name of another table of the application: give one that is used for nothing else`;
    const others = [tableName, ...Object.values(names)].filter((other) => other === name);
    if (others.length > 1) problems.push({ code: 'MR_CONFIG_INVALID', option, message });
    const unusable = `${option} is ${showValue(name)}, which is too long for a table: give a shorter name`;
    if (coordinationTables === 'legacy' && !isTableName(name)) {
      problems.push({ code: 'MR_CONFIG_INVALID', option, message: unusable });
    }
  }
  return problems;
}
