/** The part of what DynamoDB says of a table that tells it from others. */
interface DescribedTable {
  readonly TableId?: string | undefined;
  readonly TableArn?: string | undefined;
  readonly CreationDateTime?: Date | undefined;
}

/** DynamoDB's id of a table; emulators without one have at least its creation. */
export function identityOf(table: DescribedTable | undefined): string {
  return table?.TableId ?? `${table?.TableArn ?? ''} ${table?.CreationDateTime?.toISOString() ?? ''}`;
}
