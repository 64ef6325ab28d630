/** Who asks: from the authenticated identity only, never from a field of the request. */
export type Asker = { readonly actorRef: string; readonly requestId: string };
