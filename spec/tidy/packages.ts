import { importsOf } from './imports.ts';
import type { Finding, SourceFile } from './source.ts';

/**
 * The adapter files that may name each AWS client, one for each port; `lib/app/clients.ts` makes the clients, that of DynamoDB
 * in a file of its own, since a worker's second thread loads no other.
 */
const clientAdapters: Readonly<Record<string, readonly string[]>> = {
  '@aws-sdk/client-kinesis': [
    'lib/kinesis/aws-kinesis.ts',
    'lib/kinesis/aws-fan-out.ts',
    'lib/kinesis/aws-inspection.ts',
  ],
  '@aws-sdk/client-dynamodb': ['lib/lease/dynamo/aws-dynamo.ts', 'lib/app/dynamo-client.ts'],
  '@aws-sdk/client-cloudwatch': ['lib/monitor/cloudwatch/cloudwatch-client.ts'],
  '@aws-sdk/client-s3': ['lib/engine/store/s3-store.ts'],
};

const clientMaker = 'lib/app/clients.ts';

/** AWS clients named outside their adapter files. */
export function awsClientFindings(files: readonly SourceFile[]): Finding[] {
  return Object.entries(clientAdapters).flatMap(([client, adapters]) =>
    files
      .flatMap(importsOf)
      .filter((one) => packageOf(one.specifier) === client && ![...adapters, clientMaker].includes(one.from))
      .map((one) => ({
        file: one.from,
        line: one.line,
        rule: `${client} is named outside its adapters`,
        remedy: `use the port; only ${adapters.join(', ')} and ${clientMaker} may import it`,
      })),
  );
}

/** valibot outside options files, configuration and schemas of what is written down. */
export function valibotFindings(files: readonly SourceFile[]): Finding[] {
  return files
    .flatMap(importsOf)
    .filter((one) => packageOf(one.specifier) === 'valibot' && !mayUseValibot(one.from))
    .map((one) => ({
      file: one.from,
      line: one.line,
      rule: 'valibot is for options and schemas',
      remedy: 'move the schema into options.ts, lib/app/config/ or a file named schema.ts or *-schema.ts',
    }));
}

function mayUseValibot(file: string): boolean {
  return file.startsWith('lib/app/config/') || /(?:^|[/-])(?:options|schema)\.ts$/.test(file);
}

/** Packages that lib imports without declaring them, and declared ones that nothing imports. */
export function dependencyFindings(files: readonly SourceFile[], declared: readonly string[]): Finding[] {
  const uses = files.flatMap(importsOf).filter((one) => one.target === undefined && !one.specifier.startsWith('node:'));
  const undeclared = uses
    .filter((one) => !declared.includes(packageOf(one.specifier)))
    .map((one) => ({
      file: one.from,
      line: one.line,
      rule: `${one.specifier} is not a dependency`,
      remedy: 'add it to dependencies of package.json, write node: before a module of Node, or do without',
    }));
  const used = new Set(uses.map((one) => packageOf(one.specifier)));
  const unused = declared
    .filter((name) => !used.has(name))
    .map((name) => ({
      file: 'package.json',
      line: 0,
      rule: `nothing in lib imports ${name}`,
      remedy: 'remove it from dependencies',
    }));
  return [...undeclared, ...unused];
}

/** Optional packages that are loaded together with the file that names them: a program without them could not start. */
export function eagerFindings(files: readonly SourceFile[], optional: readonly string[]): Finding[] {
  return files
    .flatMap(importsOf)
    .filter((one) => one.eager && optional.includes(packageOf(one.specifier)))
    .map((one) => ({
      file: one.from,
      line: one.line,
      rule: `${one.specifier} is an optional package`,
      remedy: 'import its types by `import type`, and the package by `await import()` where it is needed',
    }));
}

function packageOf(specifier: string): string {
  return specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/');
}
