import type { PlannedJob } from '#run';

type Step = PlannedJob['steps'][number];

/** The words of a step, program first. */
export const stepWords = (step: Step): readonly [program: string, ...args: string[]] =>
  typeof step === 'string' ? ['/bin/sh', '-c', step] : [step[0], ...step.slice(1)];

/** How long one look for who is left takes at least. */
const lookMs = 20;

/**
 * What runs the steps of one attempt inside a sandbox, one after the other: what a step leaves in the background serves the next one, and all of it is asked to end before the
 * kernel ends it. Descriptor 0 is a file that only we read: a line `<step> <exit code>` for each step that ended, `<step> missing` where there is no such program, and `left <n>`.
 *
 * A shell tells a signal as 128 and its number. Steps get no input and no descriptor but their outputs. A signal to this shell goes to everybody inside.
 */
const prelude = (outputs: 'apart' | 'together'): string => `
${outputs === 'together' ? 'exec 2>&1' : ''}
exec 8<&0 9>&2 </dev/null 2>/dev/null
again= stop=
pass() { again=1 stop=1; kill -s "$1" -- -1; }
trap 'pass TERM' TERM
trap 'pass INT' INT
trap 'pass HUP' HUP
step() {
  number=$1; shift
  [ -z "$stop" ] || finish 0
  ( exec /usr/bin/env --default-signal=INT,QUIT "$@" ) 2>&9 8<&- 9>&- &
  code=
  while :; do
    again=
    wait "$!"; now=$?
    [ "$now" = 127 ] && [ -n "$code" ] && break
    code=$now
    [ -n "$again" ] || break
  done
  if [ "$code" = 127 ] && ! command -v "$1" >/dev/null; then echo "$number missing" >&8; else echo "$number $code" >&8; fi
  [ "$code" = 0 ] || finish "$code"
}
`;

/** Who is left gets SIGTERM, and a while; the kernel ends the rest with us. The first process inside and this shell are always there. */
const finish = (graceMs: number): string => `
finish() {
  code=$1
  set -- /proc/[0-9]*
  if [ $# -gt 2 ]; then
    echo "left $(($# - 2))" >&8
    [ -n "$stop" ] || kill -s TERM -- -1
    tries=0
    while set -- /proc/[0-9]*; [ $# -gt 2 ] && [ "$tries" -lt ${Math.ceil(graceMs / lookMs)} ]; do
      tries=$((tries + 1))
      sleep ${lookMs / 1_000}
    done
  fi
  exit "$code"
}
`;

export type ConfinedScript = { readonly command: string; readonly args: readonly string[] };

/** The program that runs these steps. Words of steps are arguments, never a part of the script. */
export function confinedScript(
  steps: readonly Step[],
  { graceMs, outputs }: { readonly graceMs: number; readonly outputs: 'apart' | 'together' },
): ConfinedScript {
  const words: string[] = [];
  const calls = steps.map((step, at) => {
    const own = stepWords(step);
    const places = own.map((_, index) => `"\${${words.length + index + 1}}"`);
    words.push(...own);
    return `step ${at + 1} ${places.join(' ')}`;
  });
  const script = [prelude(outputs), finish(graceMs), ...calls, 'finish 0'].join('\n');
  return { command: '/bin/sh', args: ['-c', script, 'sluice-job', ...words] };
}

/** What the steps came to, as told by the file. */
export type ConfinedResult = {
  /** Exit codes of the steps that ended, in order; undefined for a program that is not there. */
  readonly codes: readonly (number | undefined)[];
  readonly left: number;
};

/** Reads what the script wrote. A job could write there what it likes, about itself alone: what makes no sense is left out. */
export function readResult(text: string): ConfinedResult {
  const codes: (number | undefined)[] = [];
  let left = 0;
  for (const line of text.split('\n')) {
    const [, first = '', second = ''] = /^(\d{1,6}|left) (\d{1,6}|missing)$/.exec(line) ?? [];
    if (first === 'left') left = Number(second);
    else if (first !== '' && Number(first) === codes.length + 1) codes.push(second === 'missing' ? undefined : Number(second));
  }
  return { codes, left };
}
