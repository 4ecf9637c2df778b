import { useEffect, useState } from 'preact/hooks';

/** What a person wants: what the system says, or one of the two. */
export type ThemeChoice = 'auto' | 'light' | 'dark';

const key = 'millrace-theme';
const choices: readonly ThemeChoice[] = ['auto', 'light', 'dark'];

/** The colours that are shown, what was chosen, and how to choose the next. */
export interface Theme {
  readonly shown: 'light' | 'dark';
  readonly choice: ThemeChoice;
  readonly next: () => void;
}

/** Follows the system, unless the person says otherwise, which this browser remembers. */
export function useTheme(): Theme {
  const [choice, setChoice] = useState(remembered);
  const [isDark, setDark] = useState(() => matchMedia('(prefers-color-scheme: dark)').matches);
  useEffect(() => {
    const query = matchMedia('(prefers-color-scheme: dark)');
    const onChange = () => setDark(query.matches);
    query.addEventListener('change', onChange);
    return () => query.removeEventListener('change', onChange);
  }, []);
  const system = isDark ? 'dark' : 'light';
  const shown = choice === 'auto' ? system : choice;
  document.documentElement.dataset['theme'] = shown;
  const next = () => {
    const chosen = choices[(choices.indexOf(choice) + 1) % choices.length] ?? 'auto';
    remember(chosen);
    setChoice(chosen);
  };
  return { shown, choice, next };
}

/** Storage may be forbidden; then nothing is remembered. */
function remembered(): ThemeChoice {
  try {
    return choices.find((one) => one === localStorage.getItem(key)) ?? 'auto';
  } catch {
    return 'auto';
  }
}

function remember(choice: ThemeChoice): void {
  try {
    localStorage.setItem(key, choice);
  } catch {
    // Then it holds until the page is closed.
  }
}
