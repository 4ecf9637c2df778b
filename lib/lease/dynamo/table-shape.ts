/** An attribute of a key, as DynamoDB's API writes it. */
interface KeyPart {
  readonly AttributeName: string;
  readonly KeyType: 'HASH' | 'RANGE';
}

/** What a table is created with beside its name and its billing. */
export interface TableShape {
  AttributeDefinitions: { AttributeName: string; AttributeType: 'S' }[];
  KeySchema: KeyPart[];
  GlobalSecondaryIndexes?: { IndexName: string; KeySchema: KeyPart[]; Projection: { ProjectionType: 'KEYS_ONLY' } }[];
}

/** A table whose key is the first of these text attributes; the others are for its indexes. */
export function keyedBy(key: string, ...others: readonly string[]): TableShape {
  return {
    AttributeDefinitions: [key, ...others].map((name) => ({ AttributeName: name, AttributeType: 'S' })),
    KeySchema: [{ AttributeName: key, KeyType: 'HASH' }],
  };
}

/** The index by owner: keys alone. */
export function ownerIndex(indexName: string) {
  return {
    IndexName: indexName,
    KeySchema: [
      { AttributeName: 'leaseOwner', KeyType: 'HASH' as const },
      { AttributeName: 'leaseKey', KeyType: 'RANGE' as const },
    ],
    Projection: { ProjectionType: 'KEYS_ONLY' as const },
  };
}
