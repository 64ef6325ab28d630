/** The peer sent more than a line may hold: it does not speak this protocol. */
export class LineTooLong extends Error {
  override readonly name = 'LineTooLong';
}

export const MAX_LINE = 64 * 1024; // a book of 100 levels a side is about 5 KiB

/** Cuts a stream of text into lines; what follows the last newline waits for the next chunk. */
export class LineReader {
  #rest = '';

  read(chunk: string): readonly string[] {
    const lines = (this.#rest + chunk).split('\n');
    this.#rest = lines.pop() ?? '';
    if (this.#rest.length > MAX_LINE) throw new LineTooLong(`no newline within ${MAX_LINE} characters`);
    return lines;
  }
}

/** One message as one line. */
export const asLine = (message: object): string => `${JSON.stringify(message)}\n`;
