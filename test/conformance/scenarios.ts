/** Names of the official server scenarios that a server of the legacy era is measured by. */

/** Scored by 0.2.0-alpha.12 under `--requirements 2025-11-25`. */
export const SCORED_2025_11_25: readonly string[] = [
  'server-initialize',
  'logging-set-level',
  'ping',
  'completion-complete',
  'tools-list',
  'tools-call-simple-text',
  'tools-call-image',
  'tools-call-audio',
  'tools-call-embedded-resource',
  'tools-call-mixed-content',
  'tools-call-with-logging',
  'tools-call-error',
  'tools-call-with-progress',
  'tools-call-sampling',
  'tools-call-elicitation',
  'elicitation-sep1034-defaults',
  'server-sse-multiple-streams',
  'elicitation-sep1330-enums',
  'resources-list',
  'resources-read-text',
  'resources-read-binary',
  'resources-templates-read',
  'resources-subscribe',
  'resources-unsubscribe',
  'prompts-list',
  'prompts-get-simple',
  'prompts-get-with-args',
  'prompts-get-embedded-resource',
  'prompts-get-with-image',
  'dns-rebinding-protection',
];

/** Run by the same command and not scored. */
export const UNSCORED_2025_11_25: readonly string[] = [
  'server-session-lifecycle',
  'json-schema-2020-12',
  'server-sse-polling',
];

/** All of 0.1.16. */
export const SUITE_2025: readonly string[] = [
  ...SCORED_2025_11_25,
  'json-schema-2020-12',
  'server-sse-polling',
];
