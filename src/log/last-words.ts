/** The one line of a program's standard error that says why it ended. */

/** What stands below the error that ended a program: its trace, its members, the version of Node. */
const BELOW = /^(Node\.js v\d|\s+at |[}\]])/;
/** `TypeError: …`, `Error [ERR_MODULE_NOT_FOUND]: …`, `Exception in thread …`; at the beginning of a line, so not one's cause. */
const ERROR = /^(Uncaught )?([A-Za-z_$][\w$.]*)?(Error|Exception)\b/;

/** Most programs say it last, and so do Python's traces; Node says more below. Undefined where nothing was said. */
export function lastWords(lines: readonly string[]): string | undefined {
  const said = lines.filter((line) => line.trim() !== '');
  const last = said.at(-1);
  if (last === undefined || !BELOW.test(last)) return last;
  return said.findLast((line) => ERROR.test(line)) ?? said.findLast((line) => !BELOW.test(line)) ?? last;
}
