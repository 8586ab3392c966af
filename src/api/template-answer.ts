/** One template as an answer, with its entity tag. */
import type { Context } from 'hono';
import type { Template } from '../templates/template.ts';
import { type TaggedOptions, taggedAnswer } from './entity-tags.ts';
import type { ApiVariables } from './request-checks.ts';
import { describe } from './template-views.ts';

export function answerTemplate(
  context: Context<ApiVariables>,
  template: Template,
  options: Omit<TaggedOptions, 'version'> = {},
): Response {
  return taggedAnswer(context, describe(template), { ...options, version: versionOfTemplate(template) });
}

/** Its revision; those that come with Berth cannot be changed. */
export function versionOfTemplate({ custom }: Pick<Template, 'custom'>): string {
  return String(custom?.revision ?? 0);
}
