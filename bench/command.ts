/** An option that takes a whole number. */
export interface NumberOption {
  readonly kind: 'number';
  readonly fallback: number;
  readonly least: number;
  readonly most: number;
  readonly help: string;
}

/** An option that takes one of a few words. */
export interface ChoiceOption<Word extends string = string> {
  readonly kind: 'choice';
  readonly fallback: Word;
  readonly words: readonly Word[];
  readonly help: string;
}

/** An option that takes no value. */
export interface SwitchOption {
  readonly kind: 'switch';
  readonly help: string;
}

/** What `--NAME` of a benchmark takes. */
export type BenchOption = NumberOption | ChoiceOption | SwitchOption;

/** Options by name, without the dashes. `json` and `help` are every benchmark's own. */
export type BenchOptions = Readonly<Record<string, BenchOption>>;

/** The value of one option. */
export type ValueOf<Option extends BenchOption> = Option extends NumberOption
  ? number
  : Option extends ChoiceOption<infer Word>
    ? Word
    : boolean;

/** The values that a benchmark with these options is run with. */
export type ValuesOf<Options extends BenchOptions> = { readonly [Name in keyof Options]: ValueOf<Options[Name]> };

/** Shows a line while a benchmark runs. */
export type Say = (line: string) => void;

/** Figures by name: what `--json` prints as the last line. */
export type BenchFigures = Readonly<Record<string, unknown>>;

/** One benchmark: a sub-command of `npm run bench`. */
export interface BenchCommand<Options extends BenchOptions = BenchOptions> {
  /** What it measures, on one line. */
  readonly summary: string;
  readonly options: Options;
  /** Measures, says what a person wants to read, and gives the figures. What it throws is shown, and ends the process with 1. */
  run(values: ValuesOf<Options>, say: Say): Promise<BenchFigures>;
}

/** Lets the compiler derive the values of `run` from the options. */
export function benchCommand<const Options extends BenchOptions>(command: BenchCommand<Options>): BenchCommand {
  return command;
}
