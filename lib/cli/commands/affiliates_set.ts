/** `affiliates activate`, `affiliates deactivate` @module */
import { setAffiliateActive } from "../../automations/affiliates/manage.ts";
import { type CommandSpec, ENV_FILE, JSON_OUTPUT } from "../command.ts";
import { EXIT } from "../exit_code.ts";
import { CliProblem } from "../problem.ts";
import { printJson } from "../screen/json.ts";
import { withStore } from "../store.ts";

/** Both can be taken back with the other one, so neither asks. */
function command(word: "activate" | "deactivate", summary: string, details: string): CommandSpec {
  const active = word === "activate";
  return {
    path: ["affiliates", word],
    summary,
    details,
    arguments: [{ name: "<who>", description: "row id, token, phone number (+33…) or Signal service id" }],
    options: [JSON_OUTPUT, ENV_FILE],
    examples: [{ line: `signal-automation affiliates ${word} 1`, meaning: "by its id in affiliates list" }],
    run: (invocation, context) =>
      withStore(invocation, context, async (store) => {
        const { terminal } = context;
        const done = await setAffiliateActive(store.affiliates, invocation.text("who")!, active);
        if (done.result === "absent") {
          // What was typed may be somebody's number, so it is not repeated.
          throw new CliProblem(EXIT.failed, "there is no such affiliate", {
            details: ["accepted: a row id, a token, a phone number as +441632960001, or a Signal service id"],
            next: "signal-automation affiliates list",
          });
        }
        const { id } = done.affiliate;
        if (invocation.flag("json")) printJson(terminal, { id, active, changed: done.result === "changed" });
        else {
          const already = done.result === "changed" ? "is now" : "was already";
          terminal.out(`Affiliate ${id} ${already} ${active ? "active" : "deactivated"}.\n`);
        }
        return EXIT.done;
      }),
  };
}

export const affiliatesActivateCommand: CommandSpec = command(
  "activate",
  "Activate an affiliate again",
  "Later orders with the token reach the person again.",
);

export const affiliatesDeactivateCommand: CommandSpec = command(
  "deactivate",
  "Deactivate an affiliate",
  "The person hears of no further order, and is told so after writing Go again. The token stays theirs.",
);
