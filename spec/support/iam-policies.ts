/** The actions that a section of docs/iam.md allows, such as `kinesis:GetRecords`. */
export type PolicyActions = ReadonlyMap<string, readonly string[]>;

interface Statement {
  readonly Effect: string;
  readonly Action: readonly string[];
  readonly Resource: string;
}

/** One statement of a policy: actions on one resource. */
export interface PolicyStatement {
  readonly heading: string;
  readonly actions: readonly string[];
  readonly resource: string;
}

/** The policies of a document by their headings. A policy that is no JSON, or without a resource, throws. */
export function policiesOf(document: string): PolicyActions {
  const policies = new Map<string, readonly string[]>();
  for (const { heading, actions } of statementsOf(document)) {
    policies.set(heading, [...new Set([...(policies.get(heading) ?? []), ...actions])].toSorted());
  }
  return policies;
}

/** The statements of all policies of a document. */
export function statementsOf(document: string): readonly PolicyStatement[] {
  return [...document.matchAll(/^## (.+)\n([\s\S]*?)(?=^## |(?![\s\S]))/gm)].flatMap(
    ([, heading = '', section = '']) => {
      const json = /^```json\n([\s\S]*?)^```$/m.exec(section)?.[1];
      return json === undefined ? [] : statementsOfPolicy(heading, json);
    },
  );
}

function statementsOfPolicy(heading: string, json: string): readonly PolicyStatement[] {
  const { Version, Statement } = JSON.parse(json) as { Version: string; Statement: Statement[] };
  if (Version !== '2012-10-17') throw new Error(`${heading}: Version is ${Version}`);
  return Statement.map(({ Effect, Action, Resource }) => {
    if (Effect !== 'Allow' || !/^(arn:aws:|\*$)/.test(Resource))
      throw new Error(`${heading}: ${Effect} on ${Resource}`);
    if (Action.some((action) => action.includes('*'))) throw new Error(`${heading}: an action for all`);
    return { heading, actions: Action, resource: Resource };
  });
}

/** The operations that source files send, `GetRecords` for `new GetRecordsCommand(...)`, in order. */
export function awsOperationsOf(sources: readonly { readonly text: string }[]): readonly string[] {
  const names = sources.flatMap(({ text }) => [...text.matchAll(/\bnew (?:\w+\.)?([A-Z]\w+)Command\b/g)]);
  return [...new Set(names.map(([, name = '']) => name))].toSorted();
}
