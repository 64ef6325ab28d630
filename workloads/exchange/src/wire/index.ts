export { formatAddress, listenOptions, parseAddress } from './address.ts';
export type { Address } from './address.ts';
export { MalformedCommand, MAX_LOTS, parseCommand } from './command.ts';
export { asLine, LineReader, LineTooLong, MAX_LINE } from './lines.ts';
export { PROTOCOL } from './messages.ts';
export type {
  Answer,
  BookView,
  CancelOrder,
  ChangeCommand,
  Command,
  Fill,
  Greeting,
  NewOrder,
  OrderView,
  Placed,
  Refused,
  Reply,
  Request,
} from './messages.ts';
export { address, BadSettings, integer, optional, readSettings, text } from './settings.ts';
export type { Environment } from './settings.ts';
