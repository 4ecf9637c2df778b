import { logLevels } from '../../monitor/log.ts';
import { type SwitchFlag, type TextFlag, switchFlag, textFlag } from './flag.ts';

/** The flags that say where options come from beside flags. */
export interface SourceFlags {
  readonly config?: string;
  readonly properties?: string;
}

/** `--config` and `--properties`. */
export const sourceFlags: { readonly [K in keyof Required<SourceFlags>]: TextFlag<string> } = {
  config: textFlag('path', 'Reads options from a JSON file or from a KCL .properties file [MILLRACE_CONFIG]'),
  properties: textFlag('path', "Reads options from a KCL .properties file, whatever its name, as KCL's daemon does"),
};

/** `--log-level`, for commands that log. */
export const logLevelFlag: TextFlag<string> = textFlag(
  logLevels.join('|'),
  'Least level of the log on stderr (default: warn) [MILLRACE_LOG_LEVEL]',
);

/** `--json` of a command that prints something else than records. */
export function jsonFlag(what: string): SwitchFlag {
  return switchFlag(`Prints ${what}; errors as one JSON line on stderr`);
}
