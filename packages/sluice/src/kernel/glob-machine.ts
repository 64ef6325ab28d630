/**
 * The automaton behind a pattern. All states are followed at once (Thompson), and each set of them, once met, is remembered as a state of its own (as RE2
 * does). So the time for a path grows with its length and that of the pattern, whatever the pattern could have tried: expressions that backtrack take
 * minutes for a dozen stars.
 */
export class GlobMachine {
  readonly #nodes: Node[] = [];
  readonly #begin: number;
  readonly #states = new Map<string, State>();
  #start: State | undefined;
  #remembered = 0;

  constructor(pattern: string) {
    // The end stands first, so that its number is known; nothing leads on from it.
    this.#nodes.push({ kind: 'take', takes: () => false, next: END });
    this.#begin = this.#sequence(pattern, END);
  }

  /** Whether the path, from here on, or a folder that it lies in, is matched as a whole; `lost` when nothing that begins so ever is. */
  follow(path: string, from: number): 'accepted' | 'open' | 'lost' {
    let state = (this.#start ??= this.#state([this.#begin]));
    for (let at = from; at < path.length;) {
      const char = characterAt(path, at);
      if (char === '/' && state.accepting) return 'accepted';
      state = state.next.get(char) ?? this.#step(state, char);
      if (state.nodes.length === 0) return 'lost';
      at += char.length;
    }
    return state.accepting ? 'accepted' : 'open';
  }

  #step(state: State, char: string): State {
    const reached: number[] = [];
    for (const at of state.nodes) {
      const node = this.#nodes[at];
      if (node?.kind === 'take' && node.takes(char)) reached.push(node.next);
    }
    const next = this.#state(reached);
    state.next.set(char, next);
    this.#remembered += 1;
    return next;
  }

  /** The state for these nodes and all that they lead to without a character. */
  #state(from: readonly number[]): State {
    const seen = new Set<number>();
    const open = [...from];
    for (let at = open.pop(); at !== undefined; at = open.pop()) {
      if (seen.has(at)) continue;
      seen.add(at);
      const node = this.#nodes[at];
      if (node?.kind === 'split') open.push(...node.to);
    }
    const nodes = [...seen].filter((at) => this.#nodes[at]?.kind === 'take').toSorted((a, b) => a - b);
    const name = nodes.join(' ');
    const known = this.#states.get(name);
    if (known !== undefined) return known;
    if (this.#remembered > REMEMBERED) {
      this.#states.clear();
      this.#start = undefined;
      this.#remembered = 0;
    }
    const state: State = { nodes, accepting: seen.has(END), next: new Map() };
    this.#states.set(name, state);
    this.#remembered += nodes.length;
    return state;
  }

  /** The nodes for a text that lead on to `next`; built from its end, so that each knows where it leads. */
  #sequence(text: string, next: number): number {
    return piecesOf(text).reduceRight((to, piece) => this.#piece(piece, to), next);
  }

  #piece(piece: Piece, next: number): number {
    switch (piece.kind) {
      case 'text':
        return charactersOf(piece.text).reduceRight((to, char) => this.#take((other) => other === char, to), next);
      case 'one':
        return this.#take(inName, next);
      case 'class':
        // Or the brackets themselves, for a file that is called so.
        return this.#split([this.#take(piece.takes, next), this.#piece({ kind: 'text', text: piece.text }, next)]);
      case 'braces':
        return this.#split([this.#sequence(piece.inner, next), this.#piece({ kind: 'text', text: piece.text }, next)]);
      case 'star':
        return this.#loop(inName, next);
      case 'globstar':
        return this.#loop(() => true, next);
      case 'folders':
        return this.#split([
          next,
          this.#loop(
            () => true,
            this.#take((char) => char === '/', next),
          ),
        ]);
      case 'alternatives':
        return this.#split(piece.texts.map((text) => this.#sequence(text, next)));
    }
  }

  #take(takes: Takes, next: number): number {
    return this.#nodes.push({ kind: 'take', takes, next }) - 1;
  }

  #split(to: readonly number[]): number {
    return this.#nodes.push({ kind: 'split', to }) - 1;
  }

  /** Any number of characters, none too. */
  #loop(takes: Takes, next: number): number {
    const split = this.#split([]);
    const again = this.#take(takes, split);
    this.#nodes[split] = { kind: 'split', to: [again, next] };
    return split;
  }
}

type Takes = (char: string) => boolean;

/** What a step takes and where it leads. A `split` takes nothing. */
type Node =
  | { readonly kind: 'split'; readonly to: readonly number[] }
  | { readonly kind: 'take'; readonly takes: Takes; readonly next: number };

type State = { readonly nodes: readonly number[]; readonly accepting: boolean; readonly next: Map<string, State> };

const END = 0;

/** Nodes and steps that are remembered before the machine forgets and begins again: it bounds memory, and costs time only. */
const REMEMBERED = 100_000;

const inName: Takes = (char) => char !== '/';

/** A part of a pattern. `folders` is a globstar between slashes: any number of whole folders. */
type Piece =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'class'; readonly text: string; readonly takes: Takes }
  | { readonly kind: 'one' | 'star' | 'globstar' | 'folders' }
  /** Braces around one thing are no choice: it is that thing, or a name with braces in it. */
  | { readonly kind: 'braces'; readonly text: string; readonly inner: string }
  | { readonly kind: 'alternatives'; readonly texts: readonly string[] };

function piecesOf(pattern: string): readonly Piece[] {
  const pieces: Piece[] = [];
  for (let at = 0; at < pattern.length;) {
    const [piece, length] = pieceAt(pattern, at);
    pieces.push(piece);
    at += length;
  }
  return pieces;
}

function pieceAt(pattern: string, at: number): readonly [piece: Piece, length: number] {
  const rest = pattern.slice(at);
  const [stars = ''] = /^\*+/.exec(rest) ?? [];
  if (stars.length === 1) return [{ kind: 'star' }, 1];
  if (stars.length > 1) {
    const whole = rest[stars.length] === '/' && (at === 0 || pattern[at - 1] === '/');
    return whole ? [{ kind: 'folders' }, stars.length + 1] : [{ kind: 'globstar' }, stars.length];
  }
  if (rest.startsWith('?')) return [{ kind: 'one' }, 1];
  const [text, negated, content] = /^\[([!^]?)(\]?[^\]/]*)\]/.exec(rest) ?? [];
  if (text !== undefined && content !== undefined && content !== '')
    return [{ kind: 'class', text, takes: classOf(content, negated !== '') }, text.length];
  const [group, inner] = /^\{([^{}]*)\}/.exec(rest) ?? [];
  if (group !== undefined && inner !== undefined) {
    const texts = inner.split(',');
    return [texts.length === 1 ? { kind: 'braces', text: group, inner } : { kind: 'alternatives', texts }, group.length];
  }
  return [{ kind: 'text', text: characterAt(pattern, at) }, characterAt(pattern, at).length];
}

function classOf(content: string, negated: boolean): Takes {
  const chars = charactersOf(content);
  const ranges: (readonly [from: number, to: number])[] = [];
  for (let at = 0; at < chars.length; at += 1) {
    const from = chars[at]?.codePointAt(0) ?? 0;
    const to = chars[at + 1] === '-' ? chars[at + 2]?.codePointAt(0) : undefined;
    ranges.push([from, to ?? from]);
    if (to !== undefined) at += 2;
  }
  return (char) => {
    const code = char.codePointAt(0) ?? 0;
    return char !== '/' && ranges.some(([from, to]) => from <= code && code <= to) !== negated;
  };
}

/** The character at a place of a path. A byte that is no text stands there as NUL and two digits, and is one character. */
function characterAt(path: string, at: number): string {
  const unit = path.charCodeAt(at);
  if (unit === 0) return path.slice(at, at + 3);
  return String.fromCodePoint(path.codePointAt(at) ?? unit);
}

function charactersOf(text: string): readonly string[] {
  const chars: string[] = [];
  for (let at = 0; at < text.length;) {
    const char = characterAt(text, at);
    chars.push(char);
    at += char.length;
  }
  return chars;
}
