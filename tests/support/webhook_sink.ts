/**
 * Starts a webhook sink (`tests/fakes/slack_sink.ts`, `discord_sink.ts`) as an own process and waits for its deliveries.
 *
 * @module
 */
import { PATIENCE_MS, Recorder } from "./recorder.ts";

export interface Delivery {
  /** What the sink answered; 0 for none. */
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

export interface WebhookSink extends AsyncDisposable {
  readonly url: string;
  readonly deliveries: Recorder<Delivery>;
}

/** @param script see `tests/fakes/slack_discord_sink.ts` */
export async function startSink(kind: "slack" | "discord", script = ""): Promise<WebhookSink> {
  const program = new URL(`../fakes/${kind}_sink.ts`, import.meta.url).pathname;
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "--no-prompt", "--allow-net=127.0.0.1", program, script],
    stdin: "null",
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
  const deliveries = new Recorder<Delivery>();
  const addresses = new Recorder<string>();
  const reading = (async () => {
    let rest = "";
    for await (const chunk of child.stdout.pipeThrough(new TextDecoderStream())) {
      const lines = (rest + chunk).split("\n");
      rest = lines.pop() ?? "";
      for (const line of lines) {
        if (line.startsWith("listening ")) addresses.push(line.slice("listening ".length));
        else deliveries.push(JSON.parse(line));
      }
    }
  })();
  const url = await addresses.waitFor(() => true, "the sink's address", 2 * PATIENCE_MS);
  return {
    url,
    deliveries,
    async [Symbol.asyncDispose]() {
      child.kill("SIGKILL");
      await child.status;
      await reading;
    },
  };
}
