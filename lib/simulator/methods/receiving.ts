/**
 * The method `receive` of manual mode: collects for a while and hands back an array (facts: signal.md §4.4).
 *
 * @module
 */
import type { ReceivedLine } from "../envelope.ts";
import { RpcFailure, USER_ERROR } from "../failure.ts";
import type { Manager } from "../manager.ts";

/** Facts, §1.3: the code's default, not the one of the manual page. */
const DEFAULT_TIMEOUT_SECONDS = 3;

export async function receive(
  manager: Manager,
  params: Readonly<Record<string, unknown>>,
): Promise<readonly ReceivedLine[]> {
  if (manager.receiver.active) {
    throw new RpcFailure(USER_ERROR, "Receive command cannot be used if messages are already being received.");
  }
  const timeoutMs = 1000 * (typeof params.timeout === "number" ? params.timeout : DEFAULT_TIMEOUT_SECONDS);
  const most = typeof params.maxMessages === "number" && params.maxMessages > 0 ? params.maxMessages : Infinity;
  const lines: ReceivedLine[] = [];
  const { promise: enough, resolve: finish } = Promise.withResolvers<void>();
  let timer: ReturnType<typeof setTimeout> | undefined;
  const restart = () => {
    clearTimeout(timer);
    if (timeoutMs >= 0) timer = setTimeout(finish, timeoutMs);
  };
  restart();
  const remove = manager.receiver.add((line) => {
    lines.push(line);
    if (lines.length >= most) {
      remove();
      finish();
    } else restart();
    return Promise.resolve();
  });
  await enough;
  clearTimeout(timer);
  remove();
  return lines;
}
