/**
 * Which names and addresses are this machine itself, and the guard against DNS rebinding: a web page may point a name of
 * its own at 127.0.0.1 and then read from us as if we were its server; the name stays in the request.
 *
 * @module
 */

/** An address or name that only this machine reaches. Brackets around IPv6 are allowed. */
export function isLoopback(host: string): boolean {
  const name = plain(host);
  return name === "localhost" || name === "::1" || /^127\.\d{1,3}\.\d{1,3}\.\d{1,3}$/.test(name);
}

/**
 * @param request as received: its URL carries the target's authority (absolute form, HTTP/2) or the Host header
 * @param configured HTTP_HOST
 * @returns whether every name in the request is this machine's or the configured one. A request without a Host header
 * (HTTP/1.0) is none of a browser's
 */
export function isAddressedToUs(request: Request, configured: string): boolean {
  const authorities = [authorityOf(request.url), request.headers.get("host")];
  return authorities.every((authority) => {
    if (authority === null) return true;
    const name = authority === undefined ? undefined : hostOf(authority);
    return name !== undefined && (isLoopback(name) || name === plain(configured));
  });
}

/** `undefined` for a URL that is none: Deno builds one from any Host header. */
function authorityOf(url: string): string | undefined {
  return URL.canParse(url) ? new URL(url).host : undefined;
}

/** Name or address of `name`, `name:port`, `[v6]:port`. */
function hostOf(authority: string): string | undefined {
  const match = /^(\[[0-9a-f:.]+\]|[^:[\]@/?#\s,]+)(?::\d{1,5})?$/i.exec(authority.trim());
  return match?.[1] === undefined ? undefined : plain(match[1]);
}

function plain(host: string): string {
  return host.toLowerCase().replace(/^\[|\]$/g, "").replace(/\.$/, "");
}
