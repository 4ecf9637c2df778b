import { readFile } from 'node:fs/promises';
import { MillraceError, messageOf } from '../../base/error.ts';
import { parseProperties } from './properties.ts';

/** A configuration file, read but not checked. */
export interface ConfigFile {
  readonly path: string;
  /** A `.properties` file is one of KCL: other names, text values, and KCL's own initial position. */
  readonly kind: 'json' | 'properties';
  readonly values: Readonly<Record<string, unknown>>;
}

/**
 * Reads a configuration file; a name that ends in `.properties` is KCL's format, everything else is JSON, unless told.
 * @throws MillraceError `MR_CONFIG_INVALID` when it cannot be read or is not in the format
 */
export async function readConfigFile(path: string, kind = kindOf(path)): Promise<ConfigFile> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (thrown) {
    throw unusable(path, `cannot be read (${messageOf(thrown)}): give the path of a file that exists`, thrown);
  }
  return parseConfigFile(path, text, kind);
}

/**
 * Takes the text of a configuration file apart.
 * @throws MillraceError `MR_CONFIG_INVALID` when it is not in the format that its name says
 */
export function parseConfigFile(path: string, text: string, kind = kindOf(path)): ConfigFile {
  if (kind === 'properties') return { path, kind: 'properties', values: parseProperties(text) };
  let values: unknown;
  try {
    values = JSON.parse(text.replace(/^\ufeff/, ''));
  } catch (thrown) {
    throw unusable(path, `is not JSON (${messageOf(thrown)}): correct it, or name a KCL file *.properties`, thrown);
  }
  if (typeof values !== 'object' || values === null || Array.isArray(values)) {
    throw unusable(path, 'holds no JSON object: give { "applicationName": ..., "streamName": ... }', undefined);
  }
  return { path, kind: 'json', values: values as Record<string, unknown> };
}

function kindOf(path: string): ConfigFile['kind'] {
  return path.endsWith('.properties') ? 'properties' : 'json';
}

function unusable(path: string, what: string, cause: unknown): MillraceError {
  return new MillraceError('MR_CONFIG_INVALID', `the configuration file ${JSON.stringify(path)} ${what}`, {
    subject: { option: 'config' },
    cause,
  });
}
