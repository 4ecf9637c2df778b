/**
 * An error with the structure of the AWS SDK's: a name, a message and the HTTP status. For fakes and tests that play a
 * service's refusal, such as `awsError('ProvisionedThroughputExceededException')`.
 */
export function awsError(name: string, message = `injected ${name}`, httpStatusCode = 400): Error {
  const $fault = httpStatusCode >= 500 ? 'server' : 'client';
  return Object.assign(new Error(message), { name, $fault, $metadata: { httpStatusCode } });
}

/** An error as Node gives it when no answer comes, such as `networkError('ECONNREFUSED')`. */
export function networkError(code: string): Error {
  return Object.assign(new Error(`injected ${code}`), { code });
}
