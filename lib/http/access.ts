/**
 * Who may call which route. It fails closed: what is not known to come from this machine needs the token.
 *
 * @module
 */
import { isLoopback } from "./host.ts";
import { Problem } from "./problem.ts";
import type { Access } from "./route.ts";
import { makeTokenCheck } from "./token.ts";

export interface AccessOptions {
  /** HTTP_HOST: the address or name listened on. */
  readonly host: string;
  /** ADMIN_TOKEN; without it, what needs a token is off. */
  readonly adminToken: string | undefined;
}

/** A reverse proxy on this machine turns strangers into loopback callers; these headers, in lower case, give it away. */
const FORWARDING_HEADER = /^(forwarded|x-forwarded-.*|x-real-ip|via)$/;
const CHALLENGE = `Bearer realm="signal-automation"`;

/**
 * @returns for a route's access and a request, whether the caller may see details
 * @throws {ConfigError} for a token that is too short. The function returned throws {@link Problem}: `unauthorized`, or
 * `token_not_configured` where a token is needed and none is set
 */
export function makeAccess(options: AccessOptions): (access: Access, request: Request) => boolean {
  const check = options.adminToken === undefined ? undefined : makeTokenCheck(options.adminToken);
  const local = isLoopback(options.host);
  return (access, { headers }) => {
    const fromHere = local && ![...headers.keys()].some((name) => FORWARDING_HEADER.test(name));
    const authorization = check?.(headers.get("authorization")) ?? "absent";
    const needed = access === "token" || (access === "local" && !fromHere);
    if (needed && check === undefined) {
      throw new Problem("token_not_configured", "This needs a token, and ADMIN_TOKEN is not set.");
    }
    if (needed && authorization !== "right") {
      const challenge = authorization === "wrong" ? `${CHALLENGE}, error="invalid_token"` : CHALLENGE;
      throw new Problem("unauthorized", "This needs the token: Authorization: Bearer ADMIN_TOKEN.", {
        "www-authenticate": challenge,
      });
    }
    return fromHere || authorization === "right";
  };
}
