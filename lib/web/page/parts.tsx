import type { ComponentChildren, JSX } from 'preact';
import { useState } from 'preact/hooks';

/** How something is doing. */
export type Tone = 'good' | 'warn' | 'bad' | 'calm';

/** A word with a colour; the word says it too, for those who do not see the colour. */
export function Badge({ tone, children }: { readonly tone: Tone; readonly children: ComponentChildren }): JSX.Element {
  return <span class={`badge badge-${tone}`}>{children}</span>;
}

/** One figure with its name. */
export function Tile({
  title,
  value,
  detail,
  tone,
}: {
  readonly title: string;
  readonly value: ComponentChildren;
  readonly detail?: ComponentChildren;
  readonly tone?: Tone | undefined;
}): JSX.Element {
  return (
    <div class={`tile ${tone === undefined ? '' : `tile-${tone}`}`}>
      <div class="tile-title">{title}</div>
      <div class="tile-value">{value}</div>
      <div class="tile-detail">{detail ?? ' '}</div>
    </div>
  );
}

/** A part of a view with its heading. */
export function Card({
  title,
  aside,
  children,
}: {
  readonly title: string;
  readonly aside?: ComponentChildren;
  readonly children: ComponentChildren;
}): JSX.Element {
  return (
    <section class="card">
      <header>
        <h2>{title}</h2>
        {aside !== undefined && <div class="aside">{aside}</div>}
      </header>
      {children}
    </section>
  );
}

/** Names and values, one below the other. */
export function Facts({
  facts,
}: {
  readonly facts: readonly (readonly [name: string, value: ComponentChildren])[];
}): JSX.Element {
  return (
    <dl class="facts">
      {facts.map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}

/** The text of an error: its first line, and the rest where somebody asks for it. */
export function ErrorText({ text }: { readonly text: string | null | undefined }): JSX.Element {
  const [isOpen, setOpen] = useState(false);
  if (text === null || text === undefined || text === '') return <span class="muted">–</span>;
  const [line = ''] = text.split('\n');
  if (line === text && text.length < 60)
    return (
      <span class="error" title={text}>
        {text}
      </span>
    );
  return (
    <span class="error">
      <button
        type="button"
        class="more"
        aria-expanded={isOpen}
        title={isOpen ? 'Show less' : 'Show all'}
        onClick={(event) => {
          event.stopPropagation();
          setOpen(!isOpen);
        }}
      >
        {isOpen ? '−' : '+'}
      </button>{' '}
      {isOpen ? <pre>{text}</pre> : line}
    </span>
  );
}

/** A sentence in place of a view: nothing is there, it is being fetched, or that failed. */
export function Placeholder({
  title,
  children,
  isBusy,
}: {
  readonly title: string;
  readonly children?: ComponentChildren;
  readonly isBusy?: boolean;
}): JSX.Element {
  return (
    <div class="placeholder" role="status">
      {isBusy === true && <span class="spinner" aria-hidden="true" />}
      <h2>{title}</h2>
      {children !== undefined && <p>{children}</p>}
    </div>
  );
}
