import { readCases } from './spec/engine/cases/case-file.ts';
import { judgeCase, alterCase } from './spec/engine/cases/judge.ts';
import { caseTable } from './spec/engine/cases/table.ts';
const rows = readCases();
let ok = 0;
for (const [id, entry] of Object.entries(caseTable)) {
  const row = rows.get(id)!;
  console.error(id);const r = await judgeCase(row, entry);
  if (r !== undefined) console.log('FAIL', id, r.slice(0, 700));
  else ok++;
  const a = await judgeCase(alterCase(row, entry), entry);
  if (a === undefined) console.log('ALTER-PASSED', id);
}
console.log('ok', ok, 'of', Object.keys(caseTable).length);
