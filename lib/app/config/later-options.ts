/**
 * Options of the design whose feature does not exist yet, with what to do instead. They are refused by name rather
 * than accepted without effect: somebody who sets one relies on it.
 */
export const laterOptions: Readonly<Record<string, string>> = {
  streams: 'make one consumer for each stream, with streamName',
};
