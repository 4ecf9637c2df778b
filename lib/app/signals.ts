/** What signals do to a run: the first drains it, the second ends it at once. */
export interface SignalActions {
  onFirst(signal: NodeJS.Signals): void;
  onSecond(signal: NodeJS.Signals): void;
}

/** Listens for the given signals of the process until the returned function is called. Only `run(..., { signals })` asks for it. */
export function listenForSignals(signals: readonly NodeJS.Signals[], actions: SignalActions): () => void {
  let count = 0;
  const onSignal = (signal: NodeJS.Signals) => {
    count += 1;
    if (count === 1) actions.onFirst(signal);
    else if (count === 2) actions.onSecond(signal);
  };
  for (const signal of signals) process.on(signal, onSignal);
  return () => {
    for (const signal of signals) process.off(signal, onSignal);
  };
}
