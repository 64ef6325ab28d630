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
    this.#lines = this.#fitting(drawn());
    this.#redraw([...lines, ...this.#lines]);
  }

  /** Lines that replace those drawn before. Never more than the window holds, or erasing would miss some. */
  draw(lines: readonly string[]): void {
    if (!this.#terminal.live) return;
    this.#lines = this.#fitting(lines);
    this.#redraw(this.#lines);
  }

  #fitting(lines: readonly string[]): readonly string[] {
    const most = Math.max(1, this.#terminal.height - 2);
    // A line that wraps would take two rows, and erasing would leave one behind.
    return (lines.length > most ? lines.slice(-most) : lines).map((line) => fit(this.#terminal.visible(line), this.#terminal.width));
  }

  #redraw(lines: readonly string[]): void {
    this.#terminal.redraw(this.#drawn, lines);
    this.#drawn = this.#lines.length;
  }
}
