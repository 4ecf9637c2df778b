import type { JSX } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import type { PageState } from '../page-state.ts';
import type { Connection } from './connection.ts';
import { ago, duration } from './format.ts';
import { Badge, Placeholder, type Tone } from './parts.tsx';
import { type Route, addressOf, useRoute, views } from './route.ts';
import { type Theme, useTheme } from './theme.ts';
import { useJson } from './use-json.ts';
import { AlertsView } from './views/alerts.tsx';
import { BatchDetailView } from './views/batch.tsx';
import { ConfigurationView } from './views/configuration.tsx';
import { LeasesView } from './views/leases.tsx';
import { ShardsView } from './views/shards.tsx';
import { StagesView } from './views/stages.tsx';
import { StateView } from './views/state.tsx';
import { StreamingView } from './views/streaming.tsx';

/** The whole page. */
export function App({
  connection,
  onToken,
}: {
  readonly connection: Connection;
  readonly onToken: (token: string) => void;
}): JSX.Element {
  const theme = useTheme();
  const route = useRoute();
  switch (connection.tag) {
    case 'loading':
      return <Placeholder title="Connecting" isBusy />;
    case 'locked':
      return <TokenForm wasWrong={connection.wasWrong} onToken={onToken} />;
    case 'refused':
      return (
        <Placeholder title="No connection" isBusy>
          {connection.message}. It is tried again every 2 s.
        </Placeholder>
      );
    case 'live':
    case 'lost':
      return <Shell connection={connection} state={connection.state} route={route} theme={theme} />;
  }
}

interface ShellProps {
  readonly connection: Extract<Connection, { tag: 'live' | 'lost' }>;
  readonly state: PageState;
  readonly route: Route;
  readonly theme: Theme;
}

function Shell({ connection, state, route, theme }: ShellProps): JSX.Element {
  const notice = useJson<{ readonly notice: string | null }>('api/v1/notice');
  useTitle(state, route);
  return (
    <>
      <a class="skip" href={addressOf(route.view, route.subject)} onClick={(event) => skip(event)}>
        Skip to the view
      </a>
      <Header connection={connection} state={state} theme={theme} />
      <Tabs route={route} alerts={state.alerts.length} />
      {connection.tag === 'lost' && (
        <p class="notice notice-bad" role="alert">
          Disconnected {ago(connection.sinceMillis, Date.now())}: what you see is of{' '}
          {ago(state.takenAtMillis, Date.now())}. Trying again every 2 s.
        </p>
      )}
      {notice.tag === 'here' && notice.value.notice !== null && <p class="notice">{notice.value.notice}</p>}
      <main id="view" tabIndex={-1} class={connection.tag === 'lost' ? 'stale' : ''}>
        <View state={state} route={route} theme={theme.shown} />
      </main>
      <footer class="muted">
        Millrace · everything here is of this process · <a href="metrics">metrics</a> ·{' '}
        <a href="assets/licences.txt">licences</a>
      </footer>
    </>
  );
}

function skip(event: Event): void {
  event.preventDefault();
  document.getElementById('view')?.focus();
}

function View({
  state,
  route,
  theme,
}: {
  readonly state: PageState;
  readonly route: Route;
  readonly theme: string;
}): JSX.Element {
  switch (route.view) {
    case 'streaming':
      return <StreamingView state={state} theme={theme} />;
    case 'batch':
      return <BatchDetailView state={state} batchKey={route.subject ?? ''} />;
    case 'stages':
      return <StagesView state={state} />;
    case 'shards':
      return <ShardsView state={state} subject={route.subject} />;
    case 'leases':
      return <LeasesView state={state} />;
    case 'state':
      return <StateView state={state} />;
    case 'configuration':
      return <ConfigurationView state={state} />;
    case 'alerts':
      return <AlertsView state={state} />;
  }
}

const statusTones: Readonly<Record<PageState['application']['status'], Tone>> = {
  starting: 'calm',
  running: 'good',
  standby: 'calm',
  draining: 'warn',
  stopped: 'bad',
};

function Header({ connection, state, theme }: Pick<ShellProps, 'connection' | 'state' | 'theme'>): JSX.Element {
  const { application, receivers, takenAtMillis } = state;
  const worker = receivers[0]?.workerIdentifier;
  const running = duration(Math.floor((takenAtMillis - application.startedAtMillis) / 1_000) * 1_000);
  return (
    <header class="top">
      <div class="brand">
        <Wheel />
        <h1>{application.applicationName ?? 'local'}</h1>
        <Badge tone={statusTones[application.status]}>{application.status}</Badge>
        {application.isLeader && <Badge tone="calm">leader</Badge>}
        {state.alerts.length > 0 && (
          <a href={addressOf('alerts')} class="alerts-link">
            <Badge tone="bad">{state.alerts.length === 1 ? '1 alert' : `${state.alerts.length} alerts`}</Badge>
          </a>
        )}
      </div>
      <div class="about muted">
        {worker !== undefined && worker !== '' && <span title="The worker of this page">{worker}</span>}
        <span>up {running}</span>
        <span class={`link link-${connection.tag}`} role="status">
          {connection.tag === 'live' ? 'live' : 'disconnected'}
        </span>
        <button
          type="button"
          class="theme"
          onClick={theme.next}
          title="Colours: as the system has them, light, or dark"
        >
          {theme.choice}
        </button>
      </div>
    </header>
  );
}

function Wheel(): JSX.Element {
  return (
    <svg class="wheel" viewBox="0 0 32 32" aria-hidden="true">
      <circle cx="16" cy="14" r="8" />
      <path d="M16 6v16M8 14h16M10.300 8.300l11.400 11.400M21.700 8.300L10.300 19.700M4 27c3.500-3 7.500 3 12 0s8.500 3 12 0" />
    </svg>
  );
}

function Tabs({ route, alerts }: { readonly route: Route; readonly alerts: number }): JSX.Element {
  const shown = route.view === 'batch' ? 'streaming' : route.view;
  const tabs = useRef<HTMLElement>(null);
  // On a narrow screen the tabs are a row that is scrolled; whoever comes by a link would not see where they are.
  useEffect(() => {
    tabs.current?.querySelector('[aria-current]')?.scrollIntoView({ block: 'nearest', inline: 'center' });
  }, [shown]);
  return (
    <nav class="tabs" aria-label="Views" ref={tabs}>
      {views.map(({ name, title }) => (
        <a key={name} href={addressOf(name)} aria-current={name === shown ? 'page' : undefined}>
          {title}
          {name === 'alerts' && alerts > 0 && <span class="pill">{alerts}</span>}
        </a>
      ))}
    </nav>
  );
}

function useTitle(state: PageState, route: Route): void {
  const title = views.find(({ name }) => name === route.view)?.title ?? 'Batch';
  const alerts = state.alerts.length === 0 ? '' : `(${state.alerts.length}) `;
  const full = `${alerts}${title} · ${state.application.applicationName ?? 'local'} · Millrace`;
  useEffect(() => {
    document.title = full;
  }, [full]);
}

function TokenForm({
  wasWrong,
  onToken,
}: {
  readonly wasWrong: boolean;
  readonly onToken: (token: string) => void;
}): JSX.Element {
  const [token, setToken] = useState('');
  return (
    <form
      class="placeholder"
      onSubmit={(event) => {
        event.preventDefault();
        onToken(token.trim());
      }}
    >
      <h2>The page is locked</h2>
      <p>Open the address that the program printed when it began, or give its token here.</p>
      <label>
        Token
        <input
          type="password"
          autocomplete="off"
          value={token}
          onInput={(event) => setToken(event.currentTarget.value)}
        />
      </label>
      {wasWrong && (
        <p class="error" role="alert">
          That is not the token.
        </p>
      )}
      <button type="submit">Open</button>
    </form>
  );
}
