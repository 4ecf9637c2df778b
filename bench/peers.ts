import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdtempSync, renameSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';

const folder = import.meta.dirname;
const require = createRequire(path.join(folder, 'package.json'));
const installTimeoutMillis = 180_000;

/**
 * Loads a package that Millrace is measured against. These are in `bench/package.json` and not in the root's, so the first
 * bench that needs one installs them all, into `bench/node_modules`.
 */
export function loadPeer(name: string): unknown {
  if (!isInstalled(name)) installPeers(name);
  return require(name) as unknown;
}

function isInstalled(name: string): boolean {
  try {
    require.resolve(name);
    return true;
  } catch {
    return false;
  }
}

/** Installs beside the goal and moves it there at once, since another bench may be doing the same. */
function installPeers(wanted: string): void {
  const goal = path.join(folder, 'node_modules');
  const place = mkdtempSync(path.join(folder, '.install-'));
  try {
    for (const file of ['package.json', 'package-lock.json']) {
      copyFileSync(path.join(folder, file), path.join(place, file));
    }
    npm(['ci', '--ignore-scripts', '--no-audit', '--no-fund'], place);
    if (isInstalled(wanted)) return;
    rmSync(goal, { recursive: true, force: true });
    renameSync(path.join(place, 'node_modules'), goal);
  } finally {
    rmSync(place, { recursive: true, force: true });
  }
}

function npm(args: readonly string[], cwd: string): void {
  const { status, stdout, stderr } = spawnSync('npm', args, { cwd, encoding: 'utf8', timeout: installTimeoutMillis });
  if (status !== 0) throw new Error(`npm ${args.join(' ')} ended with ${status}:\n${stdout}\n${stderr}`);
}
