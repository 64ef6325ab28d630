/** Longer than any XML declaration, and short enough to look through at once. */
const declarationBytes = 256;

/**
 * The text of an XML document in whichever encoding it is written (XML 1.0, section 4.3.3 and appendix F): a byte order mark first, then the pattern of the first bytes, then what
 * the declaration says; UTF-8 without any. Undefined when the bytes are not of that encoding, or nobody knows it.
 */
export function decodeXml(bytes: Uint8Array): string | undefined {
  const [first = 0, second = 0, third = 0] = bytes;
  if (first === 0xef && second === 0xbb && third === 0xbf) return decodeText(bytes, 'utf-8');
  if ((first === 0xff && second === 0xfe) || (first === 0x3c && second === 0)) return decodeText(bytes, 'utf-16le');
  if ((first === 0xfe && second === 0xff) || (first === 0 && second === 0x3c)) return decodeText(bytes, 'utf-16be');
  const head = new TextDecoder('latin1').decode(bytes.subarray(0, declarationBytes));
  const declared = /^<\?xml[^>]*?\sencoding\s*=\s*["']([A-Za-z][\w.-]{0,39})["']/.exec(head)?.[1] ?? 'utf-8';
  // A document whose declaration could be read byte by byte is not in UTF-16, whatever it says.
  return decodeText(bytes, /^utf-?16/i.test(declared) ? 'utf-8' : declared);
}

/** The text of bytes in one encoding, without a byte order mark; undefined when they are not of it. */
export function decodeText(bytes: Uint8Array, encoding: string): string | undefined {
  try {
    return new TextDecoder(encoding, { fatal: true }).decode(bytes);
  } catch {
    return undefined;
  }
}
