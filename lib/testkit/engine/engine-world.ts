import type { Codecs } from '../../engine/commit/state-pieces.ts';
import type { EpochPlace } from '../fake-epoch-table.ts';
import type { FakeKinesis } from '../fake-kinesis.ts';
import type { FakeLeaseTable } from '../fake-lease-table.ts';
import type { FakeObjectStore } from '../fake-object-store.ts';
import type { TableHistory } from '../table-history.ts';
import type { VirtualClock } from '../virtual-clock.ts';
import type { Persistence } from '../../engine/persistence.ts';
import type { Books } from './books.ts';
import type { EngineSetup } from './engine-setup.ts';
import type { Shown } from './shown.ts';

/** What all processes of an application share, and whom they tell. */
export interface EngineWorld {
  readonly setup: EngineSetup;
  readonly clock: VirtualClock;
  readonly kinesis: FakeKinesis;
  readonly table: FakeLeaseTable;
  readonly history: TableHistory;
  readonly epochPlace: EpochPlace;
  readonly store: FakeObjectStore;
  readonly shown: Shown;
  readonly books: Books;
  readonly codecs: ReadonlyMap<string, Persistence> & Codecs;
  /** Whether the faults are over. */
  readonly isCalm: () => boolean;
  readonly tell: (who: string, text: string) => void;
  readonly noteFault: (who: string, fault: string, operation: string) => void;
  /** Whose call is about to be performed. */
  readonly notePerform: (who: string) => void;
  readonly noteEnd: () => void;
  readonly fail: (sentence: string) => void;
}
