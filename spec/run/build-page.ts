import { buildPage } from './page/build.ts';

// `npm run build:page`

await buildPage();
