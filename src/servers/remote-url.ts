/** The same place as a URL of the web: a WebSocket begins as a request of HTTP. */
export function toWebUrl(url: string): string {
  return url.replace(/^ws(s?:)/i, 'http$1');
}
