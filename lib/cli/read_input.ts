/** Reading standard input to its end, up to a bound. @module */
import { EXIT } from "./exit_code.ts";
import { CliProblem } from "./problem.ts";
import type { Terminal } from "./screen/terminal.ts";

/** @throws {CliProblem} `usage` for more than `maxBytes`, and for what is no UTF-8 */
export async function readInput({ stdin }: Terminal, maxBytes: number): Promise<string> {
  const decoder = new TextDecoder("utf-8", { fatal: true });
  let text = "";
  let bytes = 0;
  try {
    for await (const chunk of stdin) {
      bytes += chunk.byteLength;
      if (bytes > maxBytes) throw new CliProblem(EXIT.usage, `standard input is larger than ${maxBytes} bytes`);
      text += decoder.decode(chunk, { stream: true });
    }
    return text + decoder.decode();
  } catch (error) {
    if (error instanceof TypeError) throw new CliProblem(EXIT.usage, "standard input is not UTF-8 text");
    throw error;
  }
}
