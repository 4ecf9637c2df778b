import { codeOnly, withoutComments } from './blank.ts';
import { type Finding, type SourceFile, findAll } from './source.ts';

/** What belongs to the outside world, where it may be used, and what to use instead elsewhere. */
interface OutsideRule {
  readonly name: string;
  /** Whether the file may. */
  readonly allowed: (file: string) => boolean;
  /** Searched in the code without strings, and in the import statements. */
  readonly code: RegExp;
  readonly imports?: RegExp;
  readonly remedy: string;
}

/** The one file outside lib/cli that may write to standard error: the default logger. */
const defaultLoggerFile = 'lib/app/default-logger.ts';

/** The page runs in a browser, by the browser's clock; it is tested there. */
const pageFolder = 'lib/web/page/';

/** What runs as long as a worker, with signals to which listeners come and go for each page. */
const workerFolders = /^lib\/(?:app|block|engine|event|kinesis|lease|monitor|receiver)\//;

const rules: readonly OutsideRule[] = [
  {
    name: 'time and randomness come through ports',
    allowed: (file) => file.startsWith('lib/base/') || file.startsWith(pageFolder),
    code: /(?<![\w$.#])(?:globalThis\s*\.\s*)?(?:Date\s*\.\s*now|new\s+Date\s*\(\s*\)|new\s+Date\b(?!\s*[(.])|Date\s*\(\s*\)|performance\s*\.\s*(?:now|timeOrigin)|set(?:Timeout|Interval|Immediate)\b|Math\s*\.\s*random|crypto\s*\.\s*(?:randomUUID|getRandomValues|randomBytes|randomInt)|randomUUID\s*\(|randomBytes\s*\(|randomInt\s*\(|process\s*\.\s*(?:hrtime|uptime)|AbortSignal\s*\.\s*timeout)/g,
    imports: /\bfrom\s*['"](?:node:)?timers(?:\/promises)?['"]/g,
    remedy: 'take a Clock or a Random of lib/base in the constructor',
  },
  {
    name: 'the environment is read by lib/app/config only',
    allowed: (file) => file.startsWith('lib/app/config/'),
    code: /(?<![\w$.])process\s*(?:\?\.|\.|\[)\s*(?:env\b|\s*\])/g,
    imports: /import\s*\{[^}]*\benv\b[^}]*\}\s*from\s*['"](?:node:)?process['"]/g,
    remedy: 'make it an option; lib/app/config turns the environment into options',
  },
  {
    name: 'the library prints nothing',
    allowed: (file) => file.startsWith('lib/cli/'),
    code: /(?<![\w$.])(?:console\s*\.|process\s*\.\s*stdout\b)/g,
    remedy: 'publish an event, use the Logger, or take an output stream as an option',
  },
  {
    name: 'the library writes to standard error in its default logger only',
    allowed: (file) => file.startsWith('lib/cli/') || file === defaultLoggerFile,
    code: /(?<![\w$.])process\s*\.\s*stderr\b/g,
    remedy: 'use the Logger',
  },
  {
    name: 'signals that live as long as a worker have a listener that stays',
    allowed: (file) => !workerFolders.test(file),
    code: /\bnew\s+AbortController\b/g,
    remedy: 'take stayingController or linkedController of lib/base/abort.ts, which say why',
  },
];

/** Uses of globals that only certain files may use. */
export function globalFindings(files: readonly SourceFile[]): Finding[] {
  return files.flatMap((file) => {
    const code = codeOnly(file.text);
    const text = withoutComments(file.text);
    return rules.flatMap((rule) => {
      if (rule.allowed(file.path)) return [];
      const say = (match: RegExpExecArray) => ({ rule: `${match[0].trim()}: ${rule.name}`, remedy: rule.remedy });
      return [
        ...findAll(file, code, rule.code, say),
        ...(rule.imports === undefined ? [] : findAll(file, text, rule.imports, say)),
      ];
    });
  });
}
