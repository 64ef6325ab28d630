/** A secret shorter than this would hide ordinary words; it is not masked, and that is reported. */
export const minimumSecretBytes = 6;

const encoder = new TextEncoder();

/** Every form in which a secret may show up in output, as bytes: as it is, folded to one line, quoted and encoded by common tools. */
export function secretVariants(secret: string): readonly Uint8Array[] {
  const texts = new Set<string>();
  const bytes: Uint8Array[] = [];
  for (const form of folded(secret)) {
    texts.add(form);
    for (const quoted of [...inUrls(form), ...inJson(form), ...inXml(form), ...inShell(form)]) texts.add(quoted);
    for (const text of [...inBase64(encoder.encode(form)), ...inHex(encoder.encode(form))]) texts.add(text);
    bytes.push(...inUtf16(form));
  }
  for (const text of texts) bytes.push(encoder.encode(text));
  return bytes.filter((variant) => variant.length >= minimumSecretBytes);
}

/** A value of several lines is also looked for on one line, and without the last line break, which tools drop or add. */
function folded(secret: string): readonly string[] {
  const trimmed = secret.replace(/[\r\n]+$/, '');
  const unix = trimmed.replaceAll(/\r\n?/g, '\n');
  const whole = [secret, trimmed, unix];
  if (!unix.includes('\n')) return [...new Set(whole)];
  return [...new Set([...whole, ...['\r\n', '\r', ' ', ''].map((join) => unix.replaceAll('\n', join))])];
}

function inUrls(text: string): readonly string[] {
  if (!text.isWellFormed()) return [];
  const uri = encodeURIComponent(text);
  const strict = uri.replaceAll(/[!'()*~]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`);
  return [uri, strict, strict.replaceAll('%20', '+'), encodeURI(text)].flatMap((form) => [
    form,
    form.replaceAll(/%[0-9A-F]{2}/g, (code) => code.toLowerCase()),
  ]);
}

function inJson(text: string): readonly string[] {
  const plain = JSON.stringify(text).slice(1, -1);
  const ascii = plain.replaceAll(/[\u007f-\uffff]/g, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`);
  const html = plain.replaceAll(/[<>&]/g, (char) => `\\u00${char.charCodeAt(0).toString(16)}`); // as Go writes it
  const once = [plain, ascii, html, plain.replaceAll('/', '\\/')];
  return [...once, JSON.stringify(plain).slice(1, -1)]; // JSON in JSON, as structured logs write it
}

const xmlNames: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&apos;' };
const xmlNumbers: Readonly<Record<string, string>> = { ...xmlNames, '"': '&#34;', "'": '&#39;' };

function inXml(text: string): readonly string[] {
  const escape = (pattern: RegExp, names: Readonly<Record<string, string>>): string =>
    text.replaceAll(pattern, (char) => names[char] ?? char);
  return [escape(/[&<>]/g, xmlNames), escape(/[&<>"]/g, xmlNames), escape(/[&<>"']/g, xmlNames), escape(/[&<>"']/g, xmlNumbers)];
}

function inShell(text: string): readonly string[] {
  return [
    text.replaceAll("'", `'\\''`),
    text.replaceAll("'", `'"'"'`),
    text.replaceAll(/[\\$`"!]/g, '\\$&'),
    text.replaceAll(/[\\$`"]/g, '\\$&'),
    text.replaceAll(/[^A-Za-z0-9_@%+=:,./\n-]/g, '\\$&'),
  ];
}

/**
 * The secret inside longer encoded data: what stands before it shifts its bits by none, one or two bytes, and the characters that hold bits
 * of its neighbours are left out. On its own it is also looked for in the lines of 76 and 64 characters that tools break it into.
 */
function inBase64(secret: Uint8Array): readonly string[] {
  const forms: string[] = [];
  for (const before of [0, 1, 2]) {
    const padded = new Uint8Array(before + secret.length);
    padded.set(secret, before);
    const encoded = base64(padded).slice(Math.ceil((before * 8) / 6), Math.floor((padded.length * 8) / 6));
    forms.push(encoded, encoded.replaceAll('+', '-').replaceAll('/', '_'));
  }
  const alone = base64(secret);
  for (const width of [76, 64]) {
    if (alone.length > width) forms.push((alone.match(new RegExp(`.{1,${width}}`, 'g')) ?? []).join('\n'));
  }
  return forms;
}

function base64(bytes: Uint8Array): string {
  let binary = '';
  for (const byte of bytes) binary += String.fromCharCode(byte);
  return btoa(binary);
}

function inHex(secret: Uint8Array): readonly string[] {
  let hex = '';
  for (const byte of secret) hex += byte.toString(16).padStart(2, '0');
  return [hex, hex.toUpperCase()];
}

function inUtf16(text: string): readonly Uint8Array[] {
  const little = new Uint8Array(text.length * 2);
  const big = new Uint8Array(text.length * 2);
  for (let at = 0; at < text.length; at += 1) {
    const unit = text.charCodeAt(at);
    little.set([unit & 255, unit >> 8], at * 2);
    big.set([unit >> 8, unit & 255], at * 2);
  }
  return [little, big];
}
