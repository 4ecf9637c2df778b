/** Variables by name, as `process.env` has them. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** The environment of the process; nothing else in Millrace reads it. */
export function processEnvironment(): Environment {
  return process.env;
}
