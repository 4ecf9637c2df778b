#!/usr/bin/env node
import { constants } from 'node:os';
import { processEnvironment, silenceSdkVersionNotice } from '../app/config/environment.ts';
import { systemClock } from '../base/clock.ts';
import type { CommandIo } from './command-io.ts';
import { main } from './main.ts';

const io: CommandIo = {
  get stdin() {
    return process.stdin;
  },
  stdout: process.stdout,
  stderr: process.stderr,
  clock: systemClock,
  onSignal(handler) {
    const onSigint = () => handler(constants.signals.SIGINT);
    const onSigterm = () => handler(constants.signals.SIGTERM);
    process.on('SIGINT', onSigint);
    process.on('SIGTERM', onSigterm);
    return () => {
      process.off('SIGINT', onSigint);
      process.off('SIGTERM', onSigterm);
    };
  },
};

silenceSdkVersionNotice();
void main(process.argv.slice(2), processEnvironment(), io).then((code) => {
  process.exitCode = code;
  // A command that failed may have left something under way that would keep the process alive, such as lines that
  // nobody reads; its error line has been written.
  if (code !== 0) process.exit();
});
