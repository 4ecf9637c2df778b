/**
 * Called between two calls of an async user function: says that the first has settled, and throws the signal's reason
 * when the batch has been given up.
 */
export type Pulse = () => void;
