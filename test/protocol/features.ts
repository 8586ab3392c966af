/** All features of the matrix, in the order of the page. */
import { askingFeatures } from './features/asking.ts';
import { callFeatures } from './features/calls.ts';
import { contentFeatures } from './features/content.ts';
import { lostFeatures } from './features/lost.ts';
import { noticeFeatures } from './features/notices.ts';
import type { Probes } from './probe.ts';

/** Each feature by its name. */
export const FEATURES: Probes = {
  ...callFeatures,
  ...lostFeatures,
  ...noticeFeatures,
  ...askingFeatures,
  ...contentFeatures,
};
