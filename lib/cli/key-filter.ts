/**
 * Tells whether a partition key is one of those asked for; `*` in a pattern stands for any characters. Without patterns
 * every key is.
 */
export function keyFilter(patterns: readonly string[]): (partitionKey: string) => boolean {
  if (patterns.length === 0) return () => true;
  const exact = new Set(patterns.filter((pattern) => !pattern.includes('*')));
  const wild = patterns.filter((pattern) => pattern.includes('*')).map(expressionOf);
  return (key) => exact.has(key) || wild.some((expression) => expression.test(key));
}

function expressionOf(pattern: string): RegExp {
  const parts = pattern.split('*').map((part) => part.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&'));
  return new RegExp(`^${parts.join('.*')}$`, 'su');
}
