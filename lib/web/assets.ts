import { readFileSync, readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** One file of the page. */
export interface Asset {
  readonly contentType: string;
  readonly body: Uint8Array<ArrayBuffer>;
}

/** The files of the page by the path under which they are asked for, such as `/assets/page.js`. */
export type Assets = ReadonlyMap<string, Asset>;

const contentTypes: Readonly<Record<string, string>> = {
  html: 'text/html; charset=utf-8',
  js: 'text/javascript; charset=utf-8',
  css: 'text/css; charset=utf-8',
  svg: 'image/svg+xml',
  txt: 'text/plain; charset=utf-8',
};

/** Where `npm run build` puts the page: beside this file in the package, in `dist` when the sources are run. */
const places = ['./public/', '../../dist/web/public/'].map((place) => new URL(place, import.meta.url));

/**
 * Reads the built page, all of it, once: no path of a request ever reaches the file system. Without a built page there is
 * one document that says how to build it.
 */
export function readAssets(folders: readonly URL[] = places): Assets {
  for (const folder of folders) {
    const files = listFiles(folder);
    if (files.includes('index.html')) return new Map(files.flatMap((file) => assetOf(folder, file)));
  }
  return new Map([['/', notBuilt]]);
}

const notBuilt: Asset = {
  contentType: 'text/plain; charset=utf-8',
  body: new TextEncoder().encode(
    'The page is not built: run "npm run build". The JSON API is at /api/v1/applications.\n',
  ),
};

function assetOf(folder: URL, file: string): [string, Asset][] {
  const contentType = contentTypes[file.split('.').at(-1) ?? ''];
  if (contentType === undefined) return [];
  const body = new Uint8Array(readFileSync(new URL(file, folder)));
  return [[file === 'index.html' ? '/' : `/${file}`, { contentType, body }]];
}

function listFiles(folder: URL): string[] {
  try {
    const names = readdirSync(fileURLToPath(folder), { recursive: true, encoding: 'utf8' });
    return names.map((name) => name.replaceAll('\\', '/'));
  } catch {
    return [];
  }
}
