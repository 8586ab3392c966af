/** What a supervisor answers to questions that come over a link. */
import type { LinkQuestion } from '../link/question.ts';
import type { SessionReport } from './session-report.ts';

/** As much of the host of its servers as is asked about. */
export interface QuestionedHost {
  sessions(id: string): SessionReport[];
  endSessions(id: string, session?: string): Promise<number>;
}

/** The list of conversations, or how many were ended. */
export async function answerQuestion(
  host: QuestionedHost,
  { what, server, session }: LinkQuestion,
): Promise<SessionReport[] | number> {
  return what === 'sessions' ? host.sessions(server) : await host.endSessions(server, session);
}
