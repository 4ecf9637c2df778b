import { describe, expect, it } from 'vitest';
import { globalFindings } from './globals.ts';
import { describeFindings, readTree } from './source.ts';

describe('lib', () => {
  it('reaches time, randomness, environment and terminal only where it may', () => {
    expect(describeFindings(globalFindings(readTree(['lib'])))).toEqual([]);
  });
});

describe('globalFindings', () => {
  const found = (path: string, text: string) => globalFindings([{ path, text }]).length;

  it.each([
    'const t = Date.now();',
    'const t = new Date();',
    'const t = new Date;',
    'const t = performance.now();',
    'setTimeout(f, 1);',
    'const h = globalThis.setInterval(f, 1);',
    'const defer = setImmediate;',
    'const r = Math.random();',
    'const id = crypto.randomUUID();',
    "import { randomUUID } from 'node:crypto';\nconst id = randomUUID();",
    "import { setTimeout as wait } from 'node:timers/promises';",
    'const t = process.hrtime.bigint();',
    'const s = AbortSignal.timeout(5);',
  ])('finds time and randomness outside lib/base: %s', (text) => {
    expect(found('lib/engine/x.ts', text)).toBeGreaterThan(0);
    expect(found('lib/base/x.ts', text)).toBe(0);
  });

  it.each(['const home = process.env.HOME;', "const e = process['env'];", "import { env } from 'node:process';"])(
    'finds the environment outside lib/app/config: %s',
    (text) => {
      expect(found('lib/app/x.ts', text)).toBe(1);
      expect(found('lib/app/config/x.ts', text)).toBe(0);
    },
  );

  it.each(["console.log('x');", 'process.stdout.write(x);', 'process.stderr.write(x);'])(
    'finds printing outside lib/cli: %s',
    (text) => {
      expect(found('lib/monitor/x.ts', text)).toBe(1);
      expect(found('lib/cli/x.ts', text)).toBe(0);
    },
  );

  it('lets the default logger write to standard error, and to nothing else', () => {
    expect(found('lib/app/default-logger.ts', 'process.stderr.write(line);')).toBe(0);
    expect(found('lib/app/default-logger.ts', 'process.stdout.write(line);')).toBe(1);
  });

  it('finds a bare controller in what runs as long as a worker', () => {
    expect(found('lib/receiver/x.ts', 'readonly #life = new AbortController();')).toBe(1);
    expect(found('lib/base/x.ts', 'readonly #life = new AbortController();')).toBe(0);
  });

  it.each([
    'const d = new Date(record.arrivalTimeMillis);',
    '// Date.now() would jump',
    "const text = 'Date.now()';",
    'request.setTimeout(5);',
    'clock.performance.now();',
    'const p = process.pid;',
    'const environment = process.environment;',
    'const x = logger.console.log;',
  ])('takes harmless text for what it is: %s', (text) => {
    expect(found('lib/engine/x.ts', text)).toBe(0);
  });
});
