import { devNull } from 'node:os';

/** What the AWS SDK is told by its environment: nothing of the user's own set-up has a part in the demo. */
const awsEnvironment: Readonly<Record<string, string>> = {
  AWS_CONFIG_FILE: devNull,
  AWS_SHARED_CREDENTIALS_FILE: devNull,
  AWS_EC2_METADATA_DISABLED: 'true',
  // On Node 20 the SDK announces once a process that it will need 22; this is its documented way to keep it quiet.
  AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED: 'true',
};

/** Variables that a process needs to find its programs, its home and room for temporary files. */
const plain = ['PATH', 'HOME', 'TMPDIR', 'TEMP', 'TMP', 'SystemRoot'];

/** The environment of a worker. */
export function childEnvironment(): Record<string, string> {
  const own = plain.flatMap((name) => {
    const value = process.env[name];
    return value === undefined ? [] : [[name, value] as const];
  });
  return { ...Object.fromEntries(own), ...awsEnvironment };
}

/** Gives this process the same environment for AWS. Before the first client is made. */
export function adoptAwsEnvironment(): void {
  for (const name of Object.keys(process.env)) if (name.startsWith('AWS_')) delete process.env[name];
  Object.assign(process.env, awsEnvironment);
}
