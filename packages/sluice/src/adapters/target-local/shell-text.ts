/** A word of a shell command: its text without quotes, or undefined where it only gets one when the shell runs. */
export type ShellWord = string | undefined;

/** One simple command of a shell text: `exec` when it replaces the shell, `stays` when it runs beside it or at its end. */
type ShellCommand = { readonly kind: 'exec' | 'stays'; readonly words: readonly ShellWord[] };

/** What a shell text runs that lasts: what it replaces itself by, what it leaves running, and what it ends with. */
export type ShellReading = {
  readonly commands: readonly ShellCommand[];
  /** Whether the text ends in an `exec`, so that no shell is left. */
  readonly replaced: boolean;
};

/** Words after which another command begins, and those that end a compound one. */
const reserved = new Set(['then', 'do', 'else', 'elif', 'if', 'while', 'until', '!', '{', '}', 'fi', 'done', 'esac', 'time']);
/** What a shell does itself: nothing is started for it. */
const builtins = new Set(
  ': . [ alias bg break cd command continue echo eval exit export false fc fg getopts hash jobs kill local printf pwd read readonly return set shift source test times trap true type ulimit umask unalias unset wait for case in function'.split(
    ' ',
  ),
);

/**
 * Reads a shell text as far as it says which programs it runs: no shell is needed to know that `exec node server.mjs` becomes node. What depends on
 * variables is told as a word without text; whoever needs to know it refuses. A text that misleads this reading does not mislead the measurement of what runs.
 */
export function readShell(text: string): ShellReading {
  const all = commandsOf(text).flatMap((command) => {
    const words = withoutAssignments(command.words);
    return words.length === 0 ? [] : [{ words, background: command.background }];
  });
  const lasting = all.flatMap(({ words, background }, at): readonly ShellCommand[] => {
    if (words[0] === 'exec') {
      const target = afterOptions(words.slice(1));
      return target.length === 0 ? [] : [{ kind: 'exec', words: target }];
    }
    const last = at === all.length - 1;
    return (last || background) && !builtins.has(words[0] ?? '') ? [{ kind: 'stays', words }] : [];
  });
  return { commands: lasting, replaced: all.at(-1)?.words[0] === 'exec' };
}

function withoutAssignments(words: readonly ShellWord[]): readonly ShellWord[] {
  const first = words.findIndex((word) => word === undefined || !(reserved.has(word) || /^[A-Za-z_]\w*=/.test(word)));
  return first === -1 ? [] : words.slice(first);
}

/** `exec -a name program`: -a takes a word, -c and -l do not. */
function afterOptions(words: readonly ShellWord[]): readonly ShellWord[] {
  let at = 0;
  while (words[at]?.startsWith('-') === true) at += words[at] === '-a' ? 2 : 1;
  return words.slice(at);
}

type Parsed = { readonly words: readonly ShellWord[]; readonly background: boolean };

function commandsOf(text: string): readonly Parsed[] {
  const commands: Parsed[] = [];
  let words: ShellWord[] = [];
  let word: { text: string; literal: boolean } | undefined;
  let skipWord = false;
  let heredoc: string | undefined;
  const add = (more: string): void => {
    word = { text: (word?.text ?? '') + more, literal: word?.literal ?? true };
  };
  const endWord = (): void => {
    if (word !== undefined && !skipWord) words.push(word.literal ? word.text : word.text === '$@' ? '$@' : undefined);
    else if (word !== undefined && heredoc === '') heredoc = word.text;
    if (word !== undefined) skipWord = false;
    word = undefined;
  };
  const endCommand = (background: boolean): void => {
    endWord();
    if (words.length > 0) commands.push({ words, background });
    words = [];
  };
  for (let at = 0; at < text.length; at += 1) {
    const character = text[at] ?? '';
    if (character === '\\') {
      at += 1;
      if (text[at] !== '\n') add(text[at] ?? '');
    } else if (character === "'") {
      const end = text.indexOf("'", at + 1);
      add(text.slice(at + 1, end === -1 ? undefined : end));
      at = end === -1 ? text.length : end;
    } else if (character === '"') {
      let end = at + 1;
      while (end < text.length && text[end] !== '"') end += text[end] === '\\' ? 2 : 1;
      const inside = text.slice(at + 1, end);
      add(inside.replaceAll(/\\(["\\$`])/g, '$1'));
      if (/(?<!\\)[$`]/.test(inside)) word = { text: word?.text ?? '', literal: false };
      at = end;
    } else if (character === '$' || character === '`' || character === '*' || character === '?') {
      add(character);
      word = { text: word?.text ?? '', literal: false };
      at = endOfSubstitution(text, at);
    } else if (character === '#' && word === undefined) {
      const end = text.indexOf('\n', at);
      at = (end === -1 ? text.length : end) - 1;
    } else if (character === '<' || character === '>') {
      // A number before it is a descriptor; what follows is a file, not a word of the command.
      if (word !== undefined && /^\d+$/.test(word.text)) word = undefined;
      endWord();
      if (text.startsWith('<<', at) && text[at + 2] !== '<') heredoc = '';
      while (/[<>&|-]/.test(text[at + 1] ?? '')) at += 1;
      skipWord = true;
    } else if (character === '&' && text[at + 1] !== '&') endCommand(true);
    else if (/[\n;&|()]/.test(character)) {
      if (character === '&' || (character === '|' && text[at + 1] === '|')) at += 1;
      endCommand(false);
      if (character === '\n' && heredoc !== undefined && heredoc !== '') {
        const end = new RegExp(`^\\t*${heredoc.replaceAll(/[^\w]/g, '\\$&')}$`, 'm').exec(text.slice(at + 1));
        at = end === null ? text.length : at + end.index + end[0].length;
        heredoc = undefined;
      }
    } else if (character === ' ' || character === '\t' || character === '\r') endWord();
    else add(character);
  }
  endCommand(false);
  return commands;
}

/** Where `$(…)`, `${…}` or a text in backquotes ends; the place itself for anything else. */
function endOfSubstitution(text: string, at: number): number {
  const closing = text[at] === '`' ? '`' : text[at] === '$' ? { '(': ')', '{': '}' }[text[at + 1] ?? ''] : undefined;
  if (closing === undefined) return at;
  const opening = closing === '`' ? undefined : text[at + 1];
  for (let end = at + (opening === undefined ? 1 : 2), depth = 1; end < text.length; end += 1) {
    if (text[end] === closing) depth -= 1;
    else if (text[end] === opening) depth += 1;
    if (depth === 0) return end;
  }
  return text.length;
}
