import type { Random } from '../../base/random.ts';
import type { ObjectStore } from '../store/object-store.ts';
import { identityOf } from '../store/store-identity.ts';
import { GroupLog, type GroupLogOptions } from './group-log.ts';
import { parsePointer } from './pointer.ts';
import type { Codecs } from './state-pieces.ts';

/** What a {@link CommitPlace} is made with. */
export interface CommitPlaceOptions {
  readonly store: ObjectStore;
  readonly application: string;
  readonly scope: 'shard' | 'application';
  readonly codecs: Codecs;
  /** Batches from one snapshot to the next: 10. */
  readonly snapshotIntervalBatches?: number;
  /** Committed versions that are kept for rewinding: 10. */
  readonly retainedVersions?: number;
  readonly random: Random;
  readonly breathe?: () => Promise<void> | undefined;
}

/** The default of the option of this name (design section 8). */
export const defaultSnapshotIntervalBatches = 10;
/** The default of the option of this name. */
export const defaultRetainedVersions = 10;

/** Where the commit groups of an application keep what they commit. */
export class CommitPlace {
  readonly #options: CommitPlaceOptions;
  #identity: Promise<string> | undefined;

  constructor(options: CommitPlaceOptions) {
    this.#options = options;
  }

  /** The application whose groups these are. */
  get application(): string {
    return this.#options.application;
  }

  /**
   * The log of a group, as its last commit left it. `pointer` is the text of that commit, absent when there was none;
   * `where` names the row that holds it.
   * @throws MillraceError `MR_STATE_UNREACHABLE`, `MR_STATE_DAMAGED`, `MR_STATE_NEWER`, `MR_STATE_FOREIGN`
   */
  async logOf(group: string, pointer: string | undefined, where: string, signal: AbortSignal): Promise<GroupLog> {
    const options = await this.#logOptions(group, signal);
    if (pointer === undefined) return GroupLog.begin(options);
    return GroupLog.recover(options, parsePointer(pointer, where), signal);
  }

  async #logOptions(group: string, signal: AbortSignal): Promise<GroupLogOptions> {
    const { store, random } = this.#options;
    this.#identity ??= identityOf(store, random, signal);
    try {
      await this.#identity;
    } catch (thrown) {
      // A fault that passes must not be remembered.
      this.#identity = undefined;
      throw thrown;
    }
    return {
      ...this.#options,
      storeIdentity: await this.#identity,
      group,
      snapshotIntervalBatches: this.#options.snapshotIntervalBatches ?? defaultSnapshotIntervalBatches,
      retainedVersions: this.#options.retainedVersions ?? defaultRetainedVersions,
      breathe: this.#options.breathe ?? (() => undefined),
    };
  }
}
