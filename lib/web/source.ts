import type { Snapshot } from '../monitor/snapshot/snapshot.ts';

/** What the page shows: something that knows its state at any moment. */
export interface UiSource {
  /** What is known now, as plain data. It is asked at most about once a second, and only while somebody looks. */
  snapshot(): Snapshot;
  /** The options of the program, without secrets; default none. */
  configuration?(): readonly ConfigurationSection[];
  /** One sentence above every view, where the source does not see everything; default none. */
  readonly notice?: string | undefined;
}

/** A group of options that belong together, such as those of one stream. */
export interface ConfigurationSection {
  readonly title: string;
  readonly entries: readonly ConfigurationEntry[];
}

/** One option. A secret is never among the values: it reads `(given by the program)`. */
export interface ConfigurationEntry {
  readonly name: string;
  /** As text; `null` where nothing was given and there is no default. */
  readonly value: string | null;
  /** Where it came from, where that is known: `--max-records`, `MILLRACE_MAX_RECORDS`, `default`. */
  readonly from?: string | undefined;
}
