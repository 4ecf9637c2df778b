import { MillraceError, messageOf } from '../base/error.ts';

const reasons: Readonly<Record<string, string>> = {
  EADDRINUSE: 'is in use: give another port, or end the process that has it',
  EADDRNOTAVAIL: 'is not an address of this machine: give one that is, such as 127.0.0.1',
  EACCES: 'is not allowed to this user: give a port from 1024',
  ENOTFOUND: 'is not a known name: give an address, such as 127.0.0.1',
};

/** The error of an address that cannot be listened at. */
export function unavailable(host: string, port: number, thrown: Error & { readonly code?: string }): MillraceError {
  const address = `${host.includes(':') ? `[${host}]` : host}:${port}`;
  const why = reasons[thrown.code ?? ''] ?? `cannot be listened at: ${messageOf(thrown)}`;
  return new MillraceError('MR_PORT_UNAVAILABLE', `the page cannot be served: ${address} ${why}`, {
    subject: { endpoint: address, option: 'ui' },
    cause: thrown,
  });
}
