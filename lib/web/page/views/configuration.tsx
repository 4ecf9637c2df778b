import type { JSX } from 'preact';
import type { ConfigurationEntry, ConfigurationSection } from '../../source.ts';
import type { PageState } from '../../page-state.ts';
import { Card, Placeholder } from '../parts.tsx';
import { type Column, Table } from '../table.tsx';
import { useJson } from '../use-json.ts';

/** Every option with its value; secrets are not among them. */
export function ConfigurationView({ state }: { readonly state: PageState }): JSX.Element {
  const application = encodeURIComponent(state.application.applicationName ?? 'local');
  const answer = useJson<readonly ConfigurationSection[]>(`api/v1/applications/${application}/config`);
  if (answer.tag === 'loading') return <Placeholder title="Fetching the configuration" isBusy />;
  if (answer.tag === 'failed')
    return <Placeholder title="The configuration cannot be shown">{answer.message}</Placeholder>;
  if (answer.value.length === 0)
    return <Placeholder title="No configuration">This program reads no Kinesis stream.</Placeholder>;
  return (
    <>
      {answer.value.map((section) => (
        <Card key={section.title} title={section.title}>
          <Table
            label={`Configuration of ${section.title}`}
            columns={columns.slice(0, section.entries.some(({ from }) => from !== undefined) ? 3 : 2)}
            entries={section.entries}
            keyOf={({ name }) => name}
            searchText={({ name, value }) => `${name} ${value ?? ''}`}
            empty="No option of that name."
            visibleRows={18}
          />
        </Card>
      ))}
    </>
  );
}

const columns: readonly Column<ConfigurationEntry>[] = [
  { title: 'Option', cell: ({ name }) => <code>{name}</code>, sortBy: ({ name }) => name },
  {
    title: 'Value',
    isWide: true,
    cell: ({ value }) => (value === null ? <span class="muted">not set</span> : <code>{value}</code>),
  },
  { title: 'From', cell: ({ from }) => from ?? '' },
];
