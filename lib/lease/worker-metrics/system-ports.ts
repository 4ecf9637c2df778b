import { constants } from 'node:fs';
import { access, readFile } from 'node:fs/promises';
import type { Clock } from '../../base/clock.ts';
import type { CpuSourcePorts } from './cpu-source.ts';

/** The CPU sources' ports onto this machine's files and, in an ECS task, the metadata service of its host. */
export function systemCpuSourcePorts(clock: Clock): CpuSourcePorts {
  return {
    clock,
    readFile: (path, signal) => readFile(path, { encoding: 'utf8', signal }),
    hasFile: (path) =>
      access(path, constants.R_OK).then(
        () => true,
        () => false,
      ),
    async fetchJson(url, signal) {
      const response = await fetch(url, { signal });
      if (!response.ok) {
        await response.body?.cancel();
        throw new Error(`GET ${url} answered ${response.status}`);
      }
      return response.json();
    },
  };
}
