import { useEffect, useState } from 'preact/hooks';

/** The views, in the order of the tabs. */
export const views = [
  { name: 'streaming', title: 'Streaming' },
  { name: 'stages', title: 'Stages' },
  { name: 'shards', title: 'Shards' },
  { name: 'leases', title: 'Leases' },
  { name: 'state', title: 'State and commits' },
  { name: 'configuration', title: 'Configuration' },
  { name: 'alerts', title: 'Alerts' },
] as const;

/** The name of a view. */
export type ViewName = (typeof views)[number]['name'] | 'batch';

/** Where the page is: a view, and what of it is open. */
export interface Route {
  readonly view: ViewName;
  readonly subject: string | undefined;
}

/** The address of a view: `#/shards/shardId-0`. */
export function addressOf(view: ViewName, subject?: string): string {
  return subject === undefined ? `#/${view}` : `#/${view}/${encodeURIComponent(subject)}`;
}

/** Where the page is now. */
export function useRoute(): Route {
  const [route, setRoute] = useState(routeOfAddress);
  useEffect(() => {
    const onChange = () => setRoute(routeOfAddress());
    addEventListener('hashchange', onChange);
    return () => removeEventListener('hashchange', onChange);
  }, []);
  return route;
}

function routeOfAddress(): Route {
  const [, name = '', subject] = location.hash.split('/');
  const known = [...views.map((view) => view.name), 'batch' as const];
  const view = known.find((one) => one === name) ?? 'streaming';
  return { view, subject: subject === undefined ? undefined : decoded(subject) };
}

function decoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}
