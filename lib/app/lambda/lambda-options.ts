import { MillraceError } from '../../base/error.ts';
import { nearestName } from '../../base/text.ts';
import type { FailurePolicy } from '../../receiver/failure-policy.ts';
import { type RecordFilter, compileFilters } from './record-filter.ts';

/** One filter: the record goes to the function when the pattern matches it. */
export interface LambdaFilter {
  /** As JSON text, as Lambda takes it, or as an object. */
  readonly pattern: string | Readonly<Record<string, unknown>>;
}

/**
 * Options of `fromLambda`, by the names of Lambda's event source mapping. What says how failures are treated defaults to
 * the consumer's `onFailure`, and where records go that are given up is always `onFailure.then`.
 */
export interface LambdaOptions {
  /** Most records of one invocation, 1 to 10,000; default 100. */
  readonly batchSize?: number | undefined;
  /** How long to gather records for a batch, seconds, 0 to 300; default 0: what is there goes out at once. */
  readonly maximumBatchingWindowInSeconds?: number | undefined;
  /** Invocations at the same time for one shard, 1 to 10, those of one partition key in order; default 1. */
  readonly parallelizationFactor?: number | undefined;
  /** Whether a batch that fails is split in halves, each tried by itself, which is no attempt; default `onFailure`'s. */
  readonly bisectBatchOnFunctionError?: boolean | undefined;
  /** Further attempts with the same records, -1 (without end) to 10,000; default `onFailure`'s. */
  readonly maximumRetryAttempts?: number | undefined;
  /** Gives failing records up at this age, -1 (never) or 60 to 604,800 seconds; default `onFailure`'s. */
  readonly maximumRecordAgeInSeconds?: number | undefined;
  /** Default: the answer's `batchItemFailures` count. `[]`: only an error is a failure, and the answer is not looked at. */
  readonly functionResponseTypes?: readonly 'ReportBatchItemFailures'[] | undefined;
  /** Only records that one of the filters matches go to the function; the others are finished at once. At most 10. */
  readonly filterCriteria?: { readonly filters: readonly LambdaFilter[] } | undefined;
  /**
   * When an invocation counts as failed, seconds, 1 to 900; default 900. What it does then cannot be stopped. One that takes
   * longer than `stalledAfterMillis` counts as stalled before, unless this is set and longer.
   */
  readonly functionTimeoutSeconds?: number | undefined;
  /** Length of a tumbling window, seconds, 1 to 900; default 0: none. */
  readonly tumblingWindowInSeconds?: number | undefined;
  /** The context's `functionName`; default: the handler's name, else `handler`. */
  readonly functionName?: string | undefined;
  /** The context's `memoryLimitInMB`; default 1,024. It limits nothing here. */
  readonly memoryLimitInMB?: number | undefined;
  /** The records' `invokeIdentityArn`; default: a role that is called `millrace`. */
  readonly invokeIdentityArn?: string | undefined;
}

/** The options, checked and with defaults. */
export interface LambdaSettings {
  readonly batchSize: number;
  readonly batchingWindowMillis: number;
  readonly parallelizationFactor: number;
  readonly failure: Partial<Omit<FailurePolicy, 'then'>>;
  readonly reportsItemFailures: boolean;
  readonly filter: RecordFilter | undefined;
  readonly timeoutMillis: number;
  /**
   * How long an invocation takes at least before it counts as stalled: longer than its time-out where somebody set that, since who
   * allows it ten minutes does not call it stalled after five.
   */
  readonly leastStallMillis: number;
  /** Not set: no windows. */
  readonly tumblingWindowMillis: number | undefined;
  readonly functionName: string | undefined;
  readonly memoryLimitInMB: number;
  readonly invokeIdentityArn: string | undefined;
}

type NumberOption =
  | 'batchSize'
  | 'maximumBatchingWindowInSeconds'
  | 'parallelizationFactor'
  | 'maximumRetryAttempts'
  | 'maximumRecordAgeInSeconds'
  | 'functionTimeoutSeconds'
  | 'tumblingWindowInSeconds'
  | 'memoryLimitInMB';

/** Lambda's bounds; `unlimited` where -1 is a value, too. */
const bounds: Readonly<Record<NumberOption, { readonly least: number; readonly most: number; unlimited?: true }>> = {
  batchSize: { least: 1, most: 10_000 },
  maximumBatchingWindowInSeconds: { least: 0, most: 300 },
  parallelizationFactor: { least: 1, most: 10 },
  maximumRetryAttempts: { least: 0, most: 10_000, unlimited: true },
  maximumRecordAgeInSeconds: { least: 60, most: 604_800, unlimited: true },
  functionTimeoutSeconds: { least: 1, most: 900 },
  tumblingWindowInSeconds: { least: 0, most: 900 },
  memoryLimitInMB: { least: 1, most: 1_000_000 },
};

const otherOptions = [
  'bisectBatchOnFunctionError',
  'functionResponseTypes',
  'filterCriteria',
  'functionName',
  'invokeIdentityArn',
];

/**
 * Checks the options of `fromLambda`.
 * @throws MillraceError `MR_CONFIG_UNKNOWN`, `MR_CONFIG_INVALID`
 */
export function lambdaSettingsOf(options: LambdaOptions): LambdaSettings {
  checkNames(options);
  const numberOf = <D>(name: NumberOption, otherwise: D) => checkedNumber(name, options[name]) ?? otherwise;
  const tumblingWindowSeconds = numberOf('tumblingWindowInSeconds', 0);
  const parallelizationFactor = numberOf('parallelizationFactor', 1);
  if (tumblingWindowSeconds > 0 && parallelizationFactor > 1) {
    throw invalid('parallelizationFactor', `is ${parallelizationFactor} beside tumblingWindowInSeconds`, 'give 1');
  }
  const seconds = 1_000;
  return {
    batchSize: numberOf('batchSize', 100),
    batchingWindowMillis: numberOf('maximumBatchingWindowInSeconds', 0) * seconds,
    parallelizationFactor,
    failure: failureOf(options),
    reportsItemFailures: responseTypesOf(options).includes('ReportBatchItemFailures'),
    filter: options.filterCriteria === undefined ? undefined : compileFilters(options.filterCriteria),
    timeoutMillis: numberOf('functionTimeoutSeconds', 900) * seconds,
    leastStallMillis: (numberOf('functionTimeoutSeconds', 0) + 1) * seconds,
    tumblingWindowMillis: tumblingWindowSeconds === 0 ? undefined : tumblingWindowSeconds * seconds,
    functionName: checkedText('functionName', options.functionName),
    memoryLimitInMB: numberOf('memoryLimitInMB', 1_024),
    invokeIdentityArn: checkedText('invokeIdentityArn', options.invokeIdentityArn),
  };
}

function failureOf(options: LambdaOptions): LambdaSettings['failure'] {
  const maximumRetryAttempts = checkedNumber('maximumRetryAttempts', options.maximumRetryAttempts);
  const maximumRecordAgeInSeconds = checkedNumber('maximumRecordAgeInSeconds', options.maximumRecordAgeInSeconds);
  const { bisectBatchOnFunctionError } = options;
  if (bisectBatchOnFunctionError !== undefined && typeof bisectBatchOnFunctionError !== 'boolean') {
    throw invalid('bisectBatchOnFunctionError', `is a ${typeof bisectBatchOnFunctionError}`, 'give true or false');
  }
  return {
    ...(maximumRetryAttempts === undefined ? {} : { maximumRetryAttempts }),
    ...(maximumRecordAgeInSeconds === undefined ? {} : { maximumRecordAgeInSeconds }),
    ...(bisectBatchOnFunctionError === undefined ? {} : { bisectBatchOnFunctionError }),
  };
}

function responseTypesOf({ functionResponseTypes }: LambdaOptions): readonly string[] {
  const types: unknown = functionResponseTypes ?? ['ReportBatchItemFailures'];
  if (Array.isArray(types) && types.every((type) => type === 'ReportBatchItemFailures')) return types as string[];
  throw invalid('functionResponseTypes', 'is something else', "give ['ReportBatchItemFailures'] or []");
}

function checkNames(options: LambdaOptions): void {
  const known = [...Object.keys(bounds), ...otherOptions];
  for (const name of Object.keys(options)) {
    if (known.includes(name)) continue;
    const nearest = nearestName(name, known);
    const remedy = nearest === undefined ? `the options are ${known.join(', ')}` : `did you mean ${nearest}?`;
    throw new MillraceError('MR_CONFIG_UNKNOWN', `fromLambda has no option ${JSON.stringify(name)}: ${remedy}`, {
      subject: { option: name },
    });
  }
}

function checkedNumber(name: NumberOption, value: unknown): number | undefined {
  const { least, most, unlimited } = bounds[name];
  if (value === undefined) return undefined;
  if (unlimited === true && value === -1) return value;
  if (typeof value === 'number' && Number.isInteger(value) && value >= least && value <= most) return value;
  const shown = typeof value === 'number' ? value : `a ${typeof value}`;
  const or = unlimited === true ? '-1 for no limit, or ' : '';
  throw invalid(name, `is ${shown}`, `give ${or}a whole number from ${least} to ${most}`);
}

function checkedText(name: string, value: unknown): string | undefined {
  if (value === undefined || (typeof value === 'string' && value !== '')) return value;
  throw invalid(name, 'is no text', 'give one, or leave it out');
}

function invalid(option: string, what: string, remedy: string): MillraceError {
  return new MillraceError('MR_CONFIG_INVALID', `fromLambda: ${option} ${what}: ${remedy}`, { subject: { option } });
}
