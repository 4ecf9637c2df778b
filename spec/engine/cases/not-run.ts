const remembering =
  'when Spark drops batches and blocks that it keeps; ours are let go by count of readers, and nothing is kept but what `remember` asks for';
const dropped =
  'Spark keeps a key at the neutral value for ever; ours drops it when its last pair has left the window (issue 6, item 5)';
const levels = "storage levels and checkpoint intervals of Spark's RDDs, which the engine has not";
const chains = "Spark's chain of delta maps and its compaction; ours is a trie without chains";
const arithmetic = "arithmetic and formats of Spark's Time and Duration; here times are numbers of milliseconds";
const cluster = 'places receivers and executors in a cluster; here all is one process';
const page = 'what a page or a listener shows; the monitor has no such part yet';
const oneContext =
  'one context per process, and stopping from a listener; here several may run, and a listener may stop one';
const receiver =
  "Spark's Kinesis receiver and its checkpointer; our receiver has other parts, and specs of its own in spec/receiver";
const blocks = "Spark's block generator, receiver and block store; our receiver cuts blocks, and keeps none on disk";
const wal =
  "Spark's write-ahead log; blocks are read again from Kinesis, and commits are manifests (spec/engine/commit)";
const files = 'sources of files; the engine reads Kinesis, and what the program hands in';

/** Why each row is not run. */
export const notApplicable: Readonly<Record<string, string>> = {
  ...because(remembering, ['S037', 'S038', 'S039']),
  ...because(dropped, ['S054', 'S056']),
  ...because(levels, ['S044', 'S068', 'S171', 'S173', 'S335']),
  ...because(chains, ['S075', 'S079']),
  ...because(arithmetic, ['S197', 'S200', 'S201', 'S202', 'S203']),
  ...because(cluster, ['S193', 'S204', 'S205', 'S206', 'S207', 'S208', 'S209']),
  ...because(page, ['S213', 'S220', 'S221', 'S222', 'S223', 'S224', 'S225', 'S243', 'S252', 'S337']),
  ...because(oneContext, ['S215', 'S231', 'S230']),
  ...because(files, ['S247', 'S248', 'S249', 'S250']),
  ...because(blocks, ['S253', 'S254', 'S255', 'S256', 'S257', 'S265', 'S266', 'S267', 'S268', 'S269', 'S270']),
  ...because(wal, ['S260', 'S261', 'S262', 'S263', 'S264', 'S271', 'S272', 'S273', 'S274', 'S275', 'S276', 'S277']),
  ...because(receiver, ['S279', 'S280', 'S281', 'S282', 'S283', 'S284', 'S285', 'S286', 'S287', 'S288', 'S289']),
  ...because(receiver, ['S290', 'S291', 'S292', 'S293', 'S294', 'S295', 'S300']),
  S196: 'one more tick after a stop; our drain runs what has arrived at once, so nothing waits for a tick',
  S234: 'a receiver that goes on storing after it was told to stop; ours hands in nothing more, and is told so',
};

function because(reason: string, ids: readonly string[]): Record<string, string> {
  return Object.fromEntries(ids.map((id) => [id, reason]));
}
