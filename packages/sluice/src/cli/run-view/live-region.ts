import type { Terminal } from '../terminal.ts';
import { fit } from '../text.ts';

/** The last lines of a terminal, redrawn in place; what is printed goes above them and stays. Elsewhere it only prints. */
export class LiveRegion {
  readonly #terminal: Terminal;
  #drawn = 0;
  #lines: readonly string[] = [];

  constructor(terminal: Terminal) {
    this.#terminal = terminal;
  }

  /** Lines that stay, above those drawn, which `drawn` replaces: it is asked only where anything is drawn. */
  print(lines: readonly string[], drawn: () => readonly string[] = () => this.#lines): void {
    if (!this.#terminal.live) {
      this.#terminal.print(...lines);
      return;
    }
    const erase = this.#erase();
    this.#lines = this.#fitting(drawn());
    this.#terminal.raw(`${erase}${lines.map((line) => `${line}\n`).join('')}${this.#paint()}`);
  }

  /** Lines that replace those drawn before. Never more than the window holds, or erasing would miss some. */
  draw(lines: readonly string[]): void {
    if (!this.#terminal.live) return;
    const erase = this.#erase();
    this.#lines = this.#fitting(lines);
    this.#terminal.raw(erase + this.#paint());
  }

  #fitting(lines: readonly string[]): readonly string[] {
    const most = Math.max(1, this.#terminal.height - 2);
    // A line that wraps would take two rows, and erasing would leave one behind.
    return (lines.length > most ? lines.slice(-most) : lines).map((line) => fit(line, this.#terminal.width));
  }

  #erase(): string {
    return this.#drawn === 0 ? '' : `\u001B[${this.#drawn}F\u001B[0J`;
  }

  #paint(): string {
    this.#drawn = this.#lines.length;
    return this.#lines.map((line) => `${line}\n`).join('');
  }
}
