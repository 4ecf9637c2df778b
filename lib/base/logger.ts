/**
 * What Millrace logs to. Four methods with pino's argument order, so a pino logger fits as it is. Messages carry no
 * record data, partition keys or credentials.
 */
export interface Logger {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}
