import * as v from 'valibot';
import type { AlertThresholds } from '../../monitor/alerts.ts';
import { dimensionNames } from '../../monitor/cloudwatch/datum.ts';
import { endpoint } from './connection-options.ts';
import { closedObject, onOff, programValue, someWords, word } from './option-kinds.ts';
import type { UiOptions } from './ui-options.ts';

const threshold = v.optional(v.pipe(v.number(), v.finite(), v.minValue(0)));

const alerts = closedObject({
  totalDelayMillis: threshold,
  receiverErrors: threshold,
  iteratorAgePartOfRetention: v.optional(v.pipe(v.number(), v.minValue(0), v.maxValue(1))),
  stuckAttempts: threshold,
  staleCheckpointMillis: threshold,
  leaseChurn: threshold,
  standbyWorkers: threshold,
});

/** What is told about the run, and where. */
export const monitorOptions = {
  metricsLevel: word({ brief: 'Which metrics CloudWatch gets: none, the summary, or all.', defaultText: 'SUMMARY' }, [
    'NONE',
    'SUMMARY',
    'DETAILED',
  ]),
  metricsEnabledDimensions: someWords(
    {
      brief: "Which of KCL's dimensions figures in CloudWatch keep; without a dimension the figures along it are one.",
      defaultText: 'all',
    },
    dimensionNames,
  ),
  cloudWatch: onOff({
    brief: "Whether metrics go to CloudWatch, under the KCL's names; needs @aws-sdk/client-cloudwatch.",
    defaultText: 'false',
  }),
  cloudWatchEndpoint: endpoint('CloudWatch'),
  alerts: programValue<AlertThresholds>(
    {
      brief: 'From where on something is an alert; see health.md.',
      expects: 'an object of thresholds, such as { staleCheckpointMillis: 600000 }; 0 switches one off',
    },
    alerts,
  ),
  ui: programValue<UiOptions>(
    {
      brief: 'Serves the page of the run, by default at http://127.0.0.1:4040; see page.md.',
      expects: 'an object such as { port: 4040, onListening: ({ url }) => ... }; see page.md',
    },
    v.custom<UiOptions>((value) => typeof value === 'object' && value !== null),
  ),
};
