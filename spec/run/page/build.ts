import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { build } from 'vite';

const root = new URL('../../../', import.meta.url);

/** The packages that are part of the built page, whose licences ask to be shipped with it. */
const bundled = ['preact', 'uplot'];

function licences(): string {
  return bundled
    .map((name) => {
      const folder = new URL(`node_modules/${name}/`, root);
      const { version } = JSON.parse(readFileSync(new URL('package.json', folder), 'utf8')) as { version: string };
      return `${name} ${version}\n\n${readFileSync(new URL('LICENSE', folder), 'utf8').trim()}\n`;
    })
    .join(`\n${'-'.repeat(80)}\n\n`);
}

/** Whether there is a built page, of whatever age. */
export function isPageBuilt(): boolean {
  return existsSync(new URL('dist/web/public/index.html', root));
}

/** Builds the page of lib/web/page as files in dist/web/public, with the licences of what is in them. */
export async function buildPage(): Promise<void> {
  await build({
    configFile: false,
    logLevel: 'warn',
    root: fileURLToPath(new URL('lib/web/page/', root)),
    base: './',
    oxc: { jsx: { runtime: 'automatic', importSource: 'preact' } },
    build: {
      outDir: fileURLToPath(new URL('dist/web/public/', root)),
      emptyOutDir: true,
      target: 'es2022',
      modulePreload: false,
      // Files of their own, whatever their size: the page allows no data in its addresses.
      assetsInlineLimit: 0,
      reportCompressedSize: false,
      rolldownOptions: { output: { entryFileNames: 'assets/page.js', assetFileNames: 'assets/[name][extname]' } },
    },
    plugins: [
      {
        name: 'licences',
        generateBundle() {
          this.emitFile({ type: 'asset', fileName: 'assets/licences.txt', source: licences() });
        },
      },
    ],
  });
}
