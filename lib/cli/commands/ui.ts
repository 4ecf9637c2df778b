import { access } from 'node:fs/promises';
import { MillraceError, messageOf } from '../../base/error.ts';
import type { CommandContext } from '../command-io.ts';
import type { UiFlags } from '../definitions/ui.ts';
import { loggerOf } from '../log-level.ts';
import { optionsOf } from '../options-of.ts';
import { show } from '../show.ts';
import { untilSignal } from '../until-signal.ts';

/** `millrace ui`: serves the page of an application that is seen from its lease table. */
export async function ui(this: CommandContext, flags: UiFlags): Promise<void> {
  const application = await optionsOf(this, flags);
  const { port, host, 'token-file': tokenFile, 'allowed-host': allowedHosts, json = false } = flags;
  // Slips are told before anything is sent.
  if (tokenFile !== undefined) await checkReadable(tokenFile);
  const logger = loggerOf(this, flags['log-level']);
  const [{ createTableSource }, { startUi }] = await Promise.all([
    import('../../app/table-source.ts'),
    import('../../app/ui.ts'),
  ]);
  const end = await untilSignal(this.io, async (signal) => {
    const source = await createTableSource(
      {
        application,
        intervalMillis: (flags['interval-seconds'] ?? 5) * 1_000,
        onFault: (thrown) => logger.warn({ reason: messageOf(thrown) }, 'the lease table could not be looked at'),
      },
      signal,
    );
    await using page = await startUi(source, { port, host, tokenFile, allowedHosts });
    const { url } = page;
    await show(this, json, {
      lines: [{ url, host: page.host, port: page.port }],
      text: () => `page: ${url}\nCtrl-C ends it\n`,
    });
    await source.run(signal);
  });
  if (end.tag === 'aborted') this.process.exitCode = end.exitCode;
}

async function checkReadable(file: string): Promise<void> {
  try {
    await access(file);
  } catch (cause) {
    const message = `--token-file is ${JSON.stringify(file)}, which cannot be read (${messageOf(cause)})`;
    throw new MillraceError('MR_CONFIG_INVALID', `${message}: give the path of a file with the token`, {
      subject: { option: 'token-file' },
      cause,
    });
  }
}
