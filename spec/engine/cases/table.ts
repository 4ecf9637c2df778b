import { basicCases } from './basic-cases.ts';
import type { CaseTable } from './case-file.ts';
import { kinesisCases } from './kinesis-cases.ts';
import { lifeCases } from './life-cases.ts';
import { moreCases } from './more-cases.ts';
import { programCases } from './program-cases.ts';
import { rateCases } from './rate-cases.ts';
import { schedulerCases } from './scheduler-cases.ts';
import { recoveryCases } from './recovery-cases.ts';
import { stateCases } from './state-cases.ts';
import { storeCases } from './store-cases.ts';
import { windowCases } from './window-cases.ts';

/** Every row that is run, by id. */
export const caseTable: CaseTable = {
  ...basicCases,
  ...stateCases,
  ...storeCases,
  ...windowCases,
  ...rateCases,
  ...schedulerCases,
  ...lifeCases,
  ...programCases,
  ...moreCases,
  ...kinesisCases,
  ...recoveryCases,
};
