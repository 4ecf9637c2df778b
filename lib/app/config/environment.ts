/** Variables by name, as `process.env` has them. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** The environment of the process; nothing else in Millrace reads it. */
export function processEnvironment(): Environment {
  return process.env;
}

/**
 * Keeps the AWS SDK from announcing, on the stderr of a command, which Node versions its future releases will need.
 * Only a command of ours may decide that for the process; a library leaves the notice to its program.
 */
export function silenceSdkVersionNotice(): void {
  process.env['AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED'] ??= 'true';
}
