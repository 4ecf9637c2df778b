import { readFile } from 'node:fs/promises';
import { systemClock } from '../base/clock.ts';
import { MillraceError, messageOf } from '../base/error.ts';
import { systemRandom } from '../base/random.ts';
import type { UiSource } from '../web/source.ts';
import { processEnvironment } from './config/environment.ts';
import { type UiAddress, type UiOptions, checkedUiOptions, isUsableToken } from './config/ui-options.ts';

/** A page that is served until it is disposed of. */
export interface Ui extends UiAddress, AsyncDisposable {}

/** The port of the page where none is named: Spark's. */
export const defaultUiPort = 4040;

/** 32 random bytes in hexadecimal digits. */
const tokenDigits = 64;

/**
 * Serves the page for whatever knows its state: a consumer, a context, or an application that is seen from its lease table.
 * The page does not keep the process alive.
 * @throws MillraceError `MR_CONFIG_UNKNOWN`, `MR_CONFIG_INVALID` for the options or an unreadable `tokenFile`;
 * `MR_PORT_UNAVAILABLE` where the address cannot be listened at
 */
export async function startUi(source: UiSource, options: UiOptions = {}): Promise<Ui> {
  const { port = defaultUiPort, host = '127.0.0.1', allowedHosts = [], ...rest } = checkedUiOptions(options);
  const given = await givenToken(rest);
  const token = given ?? systemRandom.hex(tokenDigits);
  // Loaded only here: programs without a page do not carry its server.
  const { serveUi } = await import('../web/server.ts');
  const server = await serveUi(source, { host, port, token, allowedHosts, clock: systemClock });
  const address = { url: server.url, host: server.host, port: server.port };
  rest.onListening?.(address);
  return { ...address, [Symbol.asyncDispose]: () => server[Symbol.asyncDispose]() };
}

/**
 * The page of a program that runs by itself: refuses to generate a token that nobody would be told.
 * @throws like {@link startUi}
 */
export async function startProgramUi(source: UiSource, options: UiOptions): Promise<Ui> {
  const { onListening, ...rest } = checkedUiOptions(options);
  if (onListening === undefined && (await givenToken(rest)) === undefined) {
    const message =
      'ui would generate a token that nobody is told: give ui.onListening, ui.token, ui.tokenFile or MILLRACE_UI_TOKEN';
    throw new MillraceError('MR_CONFIG_INVALID', message, { subject: { option: 'ui' } });
  }
  return startUi(source, options);
}

async function givenToken({ token, tokenFile }: UiOptions): Promise<string | undefined> {
  if (token !== undefined) return token;
  const fromEnvironment = processEnvironment()[uiTokenVariable];
  if (fromEnvironment !== undefined && fromEnvironment !== '') return usable(fromEnvironment, uiTokenVariable);
  if (tokenFile === undefined) return undefined;
  return usable((await readToken(tokenFile)).trim(), `the token in ${tokenFile}`);
}

/** The variable that a token may be given in; a flag would show it to every user of the machine. */
const uiTokenVariable = 'MILLRACE_UI_TOKEN';

async function readToken(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (thrown) {
    const message = `ui.tokenFile ${file} cannot be read: ${messageOf(thrown)}`;
    throw new MillraceError('MR_CONFIG_INVALID', message, { subject: { option: 'ui.tokenFile' }, cause: thrown });
  }
}

function usable(token: string, name: string): string {
  if (isUsableToken(token)) return token;
  const message = `${name} is not of the right form: give 16 to 512 printable characters without spaces`;
  throw new MillraceError('MR_CONFIG_INVALID', message, { subject: { option: 'ui.token' } });
}
