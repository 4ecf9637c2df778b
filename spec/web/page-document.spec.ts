import { readFileSync } from 'node:fs';
import { runInNewContext } from 'node:vm';
import { describe, expect, it } from 'vitest';
import type { ConsumerOptions } from '../../lib/app/config/consumer-options.ts';
import { uiFields } from '../../lib/app/config/ui-options.ts';
import { createConsumer } from '../../lib/app/consumer.ts';
import { startUi } from '../../lib/app/ui.ts';
import { busySource } from '../browser/scenario.ts';

const document = readFileSync(new URL('../../docs/page.md', import.meta.url), 'utf8');
const token = 'a-token-of-the-tests-0123456789';

describe('docs/page.md', () => {
  it('begins with a program that serves the page and prints its address', async () => {
    const snippet = /```ts\n([\s\S]+?)\n```/.exec(document)?.[1] ?? '';
    const given: ConsumerOptions[] = [];
    const printed: string[] = [];
    runInNewContext(snippet, {
      createConsumer: (options: ConsumerOptions) => given.push(options),
      console: { error: (line: string) => printed.push(line) },
    });
    const [options] = given as [ConsumerOptions];
    expect(() => createConsumer(options)).not.toThrow();
    expect(options.ui?.port).toBe(4040);
    await using page = await startUi(busySource(), { ...options.ui, port: 0, token });
    expect(printed).toEqual([`page: http://127.0.0.1:${page.port}/#token=${token}`]);
  });

  it('has a row for each option of the page', () => {
    const [, table = ''] = document.split('| `ui.` |');
    const rows = [...(table.split('\n## ')[0] ?? '').matchAll(/^\| `(\w+)` \|/gm)].map(([, name]) => name);
    expect(rows).toEqual(Object.keys(uiFields));
  });

  it('lists paths that are there', async () => {
    const source = busySource({ batches: 3 });
    await using page = await startUi(source, { port: 0, token });
    const [, table = ''] = document.split('| path | what |');
    const cells = [...(table.split('\n## ')[0] ?? '').matchAll(/^\| (.+?) \| .+ \|$/gm)].map(([, cell]) => cell ?? '');
    const { batches } = source.snapshot();
    const id = `${batches.completed[0]?.batchTimeMillis}`;
    const paths = cells
      .flatMap((cell) => {
        const [first = '', ...rest] = [...cell.matchAll(/`([^`]+)`/g)].map(([, path]) => path ?? '');
        // `/operations` and `?status=` go on where the first of their row ends; `/leases/moves` begins anew.
        return [first, ...rest.map((path) => (/^(?:\/operations|\?)/.test(path) ? first + path : path))];
      })
      .map((path) =>
        path.replace('/ID', path.startsWith('/shards') ? '/shardId-000000000001' : `/${id}`).replace('/N', '/0'),
      );
    expect(paths.length).toBeGreaterThan(14);
    for (const path of paths) {
      const url = new URL(`/api/v1/applications/word-count${path}`, page.url);
      const answer = await fetch(url, { headers: { authorization: `Bearer ${token}` } });
      expect(answer.status, path).toBe(200);
    }
  });
});
