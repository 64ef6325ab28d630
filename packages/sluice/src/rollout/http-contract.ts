/** What a router for HTTP does with the bytes of a client. A table without a network, so that any router can be driven through it. */
export type HttpCase = {
  /** The promise, with the section that asks for it. */
  readonly name: string;
  /** What the client sends, in one piece. */
  readonly send: string;
  /** The status of each answer, in order. */
  readonly answers: readonly number[];
  /** What the instance was asked, in order: method, target, host and body of each request. */
  readonly asked: readonly string[];
  /** Whether the connection then takes another request. One of which anything was odd does not. */
  readonly goesOn: boolean;
};

const get = (more = '', target = '/'): string => `GET ${target} HTTP/1.1\r\nhost: a\r\n${more}\r\n`;
const post = (more: string, body: string): string => `POST / HTTP/1.1\r\nhost: a\r\n${more}\r\n${body}`;

const passed = (name: string, send: string, ...asked: readonly string[]): HttpCase => ({
  name,
  send,
  answers: asked.map(() => 200),
  asked,
  goesOn: true,
});

const refused = (name: string, send: string, status = 400): HttpCase => ({ name, send, answers: [status], asked: [], goesOn: false });

/** Requests that must arrive as they were meant, or not at all (RFC 9110, RFC 9112). An instance answers each with 200 and what it was asked. */
export const httpCases: readonly HttpCase[] = [
  passed('9112 2.2: an empty line before a request is passed over', `\r\n${get()}`, 'GET / a '),
  passed('9112 9.3.2: requests sent in one go are answered in their order', get('', '/1') + get('', '/2'), 'GET /1 a ', 'GET /2 a '),
  passed(
    '9112 9.3.2: so are those with bodies',
    post('content-length: 1\r\n', 'x') + post('content-length: 1\r\n', 'y'),
    'POST / a x',
    'POST / a y',
  ),
  passed('9112 3.2.2: the form for proxies is taken, and its host counts', get('', 'http://b:80/x?y'), 'GET /x?y b:80 '),
  passed('9112 3.2.2: an absolute form without a path is the root', get('', 'http://b'), 'GET / b '),
  passed('9112 3.2.4: the asterisk is for OPTIONS', 'OPTIONS * HTTP/1.1\r\nhost: a\r\n\r\n', 'OPTIONS * a '),
  passed('9110 8.6: leading zeros of a length are not passed on', post('content-length: 0010\r\n', '0123456789'), 'POST / a 0123456789'),
  passed(
    '9112 7.1: chunks and their extensions',
    post('transfer-encoding: Chunked\r\n', '3;x="y"\r\nabc\r\n0\r\nx-t: 1\r\n\r\n'),
    'POST / a abc',
  ),
  passed('9110 7.2: a host may be empty', 'GET / HTTP/1.1\r\nhost:\r\n\r\n', 'GET /  '),
  passed('9110 7.2: a host may be an address with a port', 'GET / HTTP/1.1\r\nhost: [::1]:80\r\n\r\n', 'GET / [::1]:80 '),
  passed(
    '9110 7.8: an offer of HTTP/2 in clear text is ignored, and what stands behind it is the next request',
    get('connection: upgrade, http2-settings\r\nupgrade: h2c\r\nhttp2-settings: AAMAAABk\r\n') + get('', '/next'),
    'GET / a ',
    'GET /next a ',
  ),
  passed(
    '9110 7.8: an offer with a body is a request with a body',
    post('connection: upgrade, http2-settings\r\nupgrade: h2c\r\nhttp2-settings: AAMAAABk\r\ncontent-length: 5\r\n', 'order') +
      get('', '/next'),
    'POST / a order',
    'GET /next a ',
  ),
  passed(
    '9110 7.8: another protocol that the instance declines: the answer is an answer, and the connection goes on',
    post('connection: upgrade\r\nupgrade: websocket\r\ncontent-length: 5\r\n', 'order') + get('', '/next'),
    'POST / a order',
    'GET /next a ',
  ),
  passed(
    '9110 9.3.2: HEAD that offers another protocol is answered',
    'HEAD / HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n',
    'HEAD / a ',
  ),
  {
    name: '9112 9.6: a client that says close is closed',
    send: get('connection: close\r\n') + get('', '/no'),
    answers: [200],
    asked: ['GET / a '],
    goesOn: false,
  },
  {
    name: '9112 9.3: HTTP/1.0 needs no host, and ends with its answer',
    send: 'GET / HTTP/1.0\r\n\r\n',
    answers: [200],
    asked: ['GET / ? '],
    goesOn: false,
  },
  {
    name: '9112 9.3: HTTP/1.0 may ask to go on',
    send: 'GET / HTTP/1.0\r\nhost: a\r\nconnection: Keep-Alive\r\n\r\nGET /2 HTTP/1.0\r\nconnection: keep-alive\r\n\r\n',
    answers: [200, 200],
    asked: ['GET / a ', 'GET /2 ? '],
    goesOn: true,
  },
  refused('9112 3.2: no host', 'GET / HTTP/1.1\r\n\r\n'),
  refused('9112 3.2: two hosts', 'GET / HTTP/1.1\r\nhost: a\r\nhost: a\r\n\r\n'),
  ...['a b', 'a/b', 'b@a', 'a:b', 'a:1:2', '[::1', 'a%zz', 'a\\b', 'a?b', 'a"b', 'a:70000', '\u00e4'].map((host) =>
    refused(`9112 3.2: "${host}" is no host`, `GET / HTTP/1.1\r\nhost: ${host}\r\n\r\n`),
  ),
  refused('9112 3.2.2: credentials in a target', get('', 'http://x@b/')),
  refused('9112 3.2: a target that is no path', get('', 'x')),
  refused('9112 3.2: a fragment in a target', get('', '/x#y')),
  refused('9112 3.2.4: the asterisk for another method', get('', '*')),
  refused('9112 3: two blanks in the request line', 'GET  / HTTP/1.1\r\nhost: a\r\n\r\n'),
  refused('9112 3: a method that is no token', 'G(T / HTTP/1.1\r\nhost: a\r\n\r\n'),
  refused('9112 2.3: a version that does not exist', 'GET / HTTP/1.2\r\nhost: a\r\n\r\n', 505),
  refused('9110 9.3.6: a tunnel to elsewhere', 'CONNECT b:1 HTTP/1.1\r\nhost: b:1\r\n\r\n', 501),
  refused('9112 5.1: a blank before the colon', get('x : y\r\n')),
  refused('9112 5.2: a folded line', get('x: y\r\n z\r\n')),
  refused('9110 5.5: a lone CR in a value', get('x: y\rz\r\n')),
  refused('9112 2.2: lines that end with LF alone', 'GET / HTTP/1.1\nhost: a\n\n'),
  refused('9110 5.5: NUL in a value', get('x: \0\r\n')),
  ...['+10', '-1', '0x10', '10,10', '1 0', '', '99999999999999999999'].map((length) =>
    refused(`9110 8.6: "${length}" is no length`, post(`content-length: ${length}\r\n`, '0123456789')),
  ),
  refused('9110 8.6: two lengths, even if they agree', post('content-length: 1\r\ncontent-length: 1\r\n', 'x')),
  refused('9112 6.1: a length and a coding', post('content-length: 4\r\ntransfer-encoding: chunked\r\n', '0\r\n\r\n')),
  refused('9112 6.1: two codings', post('transfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n', '0\r\n\r\n')),
  refused('9112 6.1: chunked is not the last coding', post('transfer-encoding: chunked, gzip\r\n', '0\r\n\r\n')),
  refused('9112 6.1: a coding that is not known', post('transfer-encoding: gzip, chunked\r\n', '0\r\n\r\n'), 501),
  refused('9112 6.1: a coding in HTTP/1.0', 'POST / HTTP/1.0\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n'),
  ...[
    'x\r\n',
    '-1\r\n',
    '0x1\r\na\r\n',
    '1 \r\na\r\n0\r\n\r\n',
    '1\r\nab\r\n0\r\n\r\n',
    '1;a\nb\r\na\r\n0\r\n\r\n',
    '0\r\nno trailer\r\n\r\n',
  ].map((chunks) => ({ ...refused(`9112 7.1: ${JSON.stringify(chunks)} are no chunks`, post('transfer-encoding: chunked\r\n', chunks)) })),
];

/** Headers that end at this hop (RFC 9110, 7.6.1): what the client sends, and whether the instance sees `x`. */
export const hopCases: readonly { readonly name: string; readonly send: string; readonly seen: boolean }[] = [
  { name: 'one short name', send: get('connection: x\r\nx: 1\r\n'), seen: false },
  { name: 'a name in another case', send: get('Connection: X\r\nx: 1\r\n'), seen: false },
  { name: 'the second of two lines', send: get('connection: keep-alive\r\nconnection: x\r\nx: 1\r\n'), seen: false },
  { name: 'behind an option and blanks', send: get('connection: keep-alive ,\t x\r\nx: 1\r\n'), seen: false },
  { name: 'not named', send: get('connection: keep-alive, y\r\nx: 1\r\n'), seen: true },
];
