import { useEffect, useState } from 'preact/hooks';

/** What came of asking the JSON API. */
export type Answer<T> =
  | { readonly tag: 'loading' }
  | { readonly tag: 'here'; readonly value: T }
  | { readonly tag: 'failed'; readonly message: string };

/** Asks the JSON API, and again whenever `again` changes; what was there stays until the new answer has come. */
export function useJson<T>(path: string, again?: unknown): Answer<T> {
  const [answer, setAnswer] = useState<{ readonly path: string; readonly answer: Answer<T> }>();
  useEffect(() => {
    const life = new AbortController();
    const put = (next: Answer<T>) => {
      if (!life.signal.aborted) setAnswer({ path, answer: next });
    };
    void ask<T>(path, life.signal).then(put);
    return () => life.abort(new DOMException('the view has changed', 'AbortError'));
  }, [path, again]);
  return answer?.path === path ? answer.answer : { tag: 'loading' };
}

async function ask<T>(path: string, signal: AbortSignal): Promise<Answer<T>> {
  try {
    const response = await fetch(path, { signal });
    const value = (await response.json()) as T & { readonly error?: string };
    if (response.ok) return { tag: 'here', value };
    return { tag: 'failed', message: value.error ?? `the server answered ${response.status}` };
  } catch (thrown) {
    return { tag: 'failed', message: thrown instanceof Error ? thrown.message : String(thrown) };
  }
}
