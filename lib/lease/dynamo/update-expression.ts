import { positionToRow } from '../../base/position.ts';
import type { ClearableField, LeaseChanges, LeaseWrite } from '../lease-write.ts';
import type { DynamoValue } from './item.ts';

/** The parameters of one conditional call. */
export interface ConditionParameters {
  readonly conditionExpression: string;
  readonly names: Readonly<Record<string, string>>;
  readonly values: Readonly<Record<string, DynamoValue>>;
}

/** The parameters of one UpdateItem call. */
export interface UpdateParameters extends ConditionParameters {
  readonly updateExpression: string;
}

/** Attributes that KCL removes together. */
const clearedAttributes: Record<ClearableField, readonly string[]> = {
  leaseOwner: ['leaseOwner'],
  checkpointOwner: ['checkpointOwner'],
  caughtUpAtMillis: ['caughtUpAtMillis'],
  engineState: ['engineState'],
  engineInherit: ['engineInherit'],
  pendingCheckpoint: ['pendingCheckpoint', 'pendingCheckpointSubSequenceNumber', 'pendingCheckpointState'],
  pendingCheckpointState: ['pendingCheckpointState'],
};

/** Writes a lease write as DynamoDB expressions. Every name goes through a placeholder, so no reserved word can break it. */
export function updateExpression(write: LeaseWrite): UpdateParameters {
  const names: Record<string, string> = { '#leaseKey': 'leaseKey' };
  const values: Record<string, DynamoValue> = {};
  const name = (attribute: string): string => {
    names[`#${attribute}`] = attribute;
    return `#${attribute}`;
  };
  const value = (placeholder: string, content: DynamoValue): string => {
    values[`:${placeholder}`] = content;
    return `:${placeholder}`;
  };

  const conditions = ['attribute_exists(#leaseKey)'];
  for (const [attribute, expected] of Object.entries(write.condition) as [string, string | number | null][]) {
    if (expected === null) conditions.push(`attribute_not_exists(${name(attribute)})`);
    else conditions.push(`${name(attribute)} = ${value(`seen_${attribute}`, scalar(expected))}`);
  }

  const sets = changedAttributes(write.set).map(
    ([attribute, content]) => `${name(attribute)} = ${value(attribute, content)}`,
  );
  const removes = removedAttributes(write).map(name);
  const adds = write.increment.map((attribute) => `${name(attribute)} ${value('one', { N: '1' })}`);
  for (const [attribute, members] of Object.entries(write.add ?? {})) {
    adds.push(`${name(attribute)} ${value(`add_${attribute}`, { SS: members })}`);
  }
  const clauses = [
    sets.length > 0 ? `SET ${sets.join(', ')}` : '',
    removes.length > 0 ? `REMOVE ${removes.join(', ')}` : '',
    adds.length > 0 ? `ADD ${adds.join(', ')}` : '',
  ];
  return {
    conditionExpression: conditions.join(' AND '),
    updateExpression: clauses.filter((clause) => clause !== '').join(' '),
    names,
    values,
  };
}

function removedAttributes(write: LeaseWrite): readonly string[] {
  const cleared = write.clear.flatMap((field) => clearedAttributes[field]);
  // DynamoDB has no empty sets.
  return write.set.childShardIds?.length === 0 ? [...cleared, 'childShardIds'] : cleared;
}

function changedAttributes(changes: LeaseChanges): [string, DynamoValue][] {
  const attributes: [string, DynamoValue][] = [];
  for (const [field, content] of Object.entries(changes) as [keyof LeaseChanges, unknown][]) {
    if (field === 'checkpoint' && changes.checkpoint !== undefined) {
      const row = positionToRow(changes.checkpoint);
      attributes.push(['checkpoint', { S: row.checkpoint }]);
      attributes.push(['checkpointSubSequenceNumber', { N: String(row.subSequenceNumber) }]);
    } else if (field === 'pendingCheckpoint' && changes.pendingCheckpoint !== undefined) {
      const row = positionToRow(changes.pendingCheckpoint);
      attributes.push(['pendingCheckpoint', { S: row.checkpoint }]);
      attributes.push(['pendingCheckpointSubSequenceNumber', { N: String(row.subSequenceNumber) }]);
    } else if (field === 'pendingCheckpointState' && changes.pendingCheckpointState !== undefined) {
      attributes.push(['pendingCheckpointState', { B: changes.pendingCheckpointState }]);
    } else if (field === 'engineInherit' && changes.engineInherit !== undefined) {
      attributes.push(['engineInherit', { SS: changes.engineInherit }]);
    } else if (field === 'childShardIds') {
      if (changes.childShardIds !== undefined && changes.childShardIds.length > 0) {
        attributes.push(['childShardIds', { SS: changes.childShardIds }]);
      }
    } else if (field === 'hashKeyRange' && changes.hashKeyRange !== undefined) {
      attributes.push(['startingHashKey', { S: changes.hashKeyRange.startingHashKey }]);
      attributes.push(['endingHashKey', { S: changes.hashKeyRange.endingHashKey }]);
    } else if (content !== undefined) {
      attributes.push([field, scalar(content as string | number | true)]);
    }
  }
  return attributes;
}

function scalar(content: string | number | true): DynamoValue {
  if (content === true) return { BOOL: true };
  return typeof content === 'number' ? { N: String(content) } : { S: content };
}
