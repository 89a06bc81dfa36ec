/**
 * What the two webhook sinks have in common: the server, its record on stdout, and scripted failures. The first argument
 * is the script, one word per request, the last one repeated (`ok` when it is used up):
 *
 * `ok` · `500` · `404` (any status) · `429:SECONDS` (with `retry_after` and `Retry-After`) · `hang` (never answers)
 *
 * @module
 */

export function serveSink(judge: (body: Record<string, unknown>) => Response): void {
  const script = (Deno.args[0] ?? "").split(",").filter((word) => word !== "");
  Deno.serve({
    hostname: "127.0.0.1",
    port: 0,
    onListen: ({ port }) => console.log(`listening http://127.0.0.1:${port}/services/T0/B0/hook-secret`),
  }, async (request) => {
    const text = await request.text();
    const step = script.shift() ?? "ok";
    const answer = step === "hang" ? undefined : step === "ok" ? accept(request, text, judge) : fail(step);
    const headers = Object.fromEntries(request.headers);
    console.log(JSON.stringify({ status: answer?.status ?? 0, headers, body: text }));
    return answer ?? new Promise<Response>(() => {});
  });
}

function accept(request: Request, text: string, judge: (body: Record<string, unknown>) => Response): Response {
  if (request.method !== "POST") return new Response("method not allowed", { status: 405 });
  if (!request.headers.get("content-type")?.startsWith("application/json")) {
    return new Response("invalid_payload", { status: 400 });
  }
  try {
    const value = JSON.parse(text);
    return judge(value);
  } catch {
    return new Response("invalid_payload", { status: 400 });
  }
}

function fail(step: string): Response {
  const [status, seconds] = step.split(":");
  if (seconds === undefined) return new Response("scripted", { status: Number(status) });
  return Response.json({ message: "You are being rate limited.", retry_after: Number(seconds), global: false }, {
    status: Number(status),
    headers: { "retry-after": seconds },
  });
}
