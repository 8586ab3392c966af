/** What a supervisor answers to questions that come over a link. */
import type { LinkQuestion } from '../link/question.ts';
import type { PodInspection } from './inspection-report.ts';
import type { CheckReport, ServerReport } from './server-report.ts';
import type { SessionReport } from './session-report.ts';

/** As much of the host of its servers as is asked about. */
export interface QuestionedHost {
  sessions(id: string): SessionReport[];
  endSessions(id: string, session?: string): Promise<number>;
  /** Undefined for an id that is not one of its servers'. */
  report(id: string): ServerReport | undefined;
  /** Makes a health check; undefined for an id that is not one of its servers'. */
  check(id: string): Promise<CheckReport | undefined>;
  /** Undefined for a server that is not only tried. */
  inspection(id: string): PodInspection | undefined;
  /** Closes a server that nobody uses, for a while; false when somebody does. */
  rest(id: string): boolean;
  /** Something of a principal's clients without a session lives here. */
  holds(id: string, principal: string): boolean;
  /** A process here said to that principal that it runs this task. */
  hasTask(id: string, principal: string, task: string): boolean;
  /** The server is there no more: what it has can be reached by nobody. False for an id that is not one of its servers'. */
  removed(id: string): boolean;
}

/** JSON, or undefined where there is nothing to tell. */
export async function answerQuestion(
  host: QuestionedHost,
  { what, server, session, principal = '', task = '' }: LinkQuestion,
): Promise<unknown> {
  switch (what) {
    case 'sessions':
      return host.sessions(server);
    case 'end':
      return await host.endSessions(server, session);
    case 'report':
      return host.report(server) ?? null;
    case 'check':
      return (await host.check(server)) ?? null;
    case 'inspection':
      return host.inspection(server) ?? null;
    case 'rest':
      return host.rest(server);
    case 'holds':
      return host.holds(server, principal);
    case 'task':
      return host.hasTask(server, principal, task);
    case 'removed':
      return host.removed(server);
  }
}
