import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { generateApiText } from './api-text.ts';
import { repositoryRoot } from './source.ts';

writeFileSync(path.join(repositoryRoot, 'docs/api.txt'), generateApiText());
