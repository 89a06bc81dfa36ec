/** `affiliates list` @module */
import { listAffiliates } from "../../automations/affiliates/manage.ts";
import type { Affiliate } from "../../store/port.ts";
import { type CommandSpec, ENV_FILE, JSON_OUTPUT } from "../command.ts";
import { EXIT } from "../exit_code.ts";
import { CliProblem } from "../problem.ts";
import { printJson } from "../screen/json.ts";
import { maskNumber, showAddress } from "../screen/mask.ts";
import { painter } from "../screen/paint.ts";
import { renderTable } from "../screen/table.ts";
import { formatInstant } from "../screen/when.ts";
import { withStore } from "../store.ts";
import { SHOW_NUMBERS } from "./shared.ts";

export const affiliatesListCommand: CommandSpec = {
  path: ["affiliates", "list"],
  summary: "List affiliates with their tokens",
  options: [
    { flags: "--active", description: "only active ones" },
    { flags: "--inactive", description: "only deactivated ones" },
    SHOW_NUMBERS,
    JSON_OUTPUT,
    ENV_FILE,
  ],
  examples: [{ line: "signal-automation affiliates list --active", meaning: "numbers are partly hidden" }],
  run(invocation, context) {
    const [active, inactive] = [invocation.flag("active"), invocation.flag("inactive")];
    if (active && inactive) throw new CliProblem(EXIT.usage, "--active and --inactive exclude each other");
    return withStore(invocation, context, async (store) => {
      const { terminal } = context;
      const showNumbers = invocation.flag("show-numbers");
      const rows = await Array.fromAsync(listAffiliates(store.affiliates, active === inactive ? undefined : active));
      if (invocation.flag("json")) {
        printJson(
          terminal,
          rows.map((row) => ({
            id: row.id,
            phoneNumber: number(row, showNumbers) ?? null,
            identity: row.identity === undefined ? null : showNumbers ? row.identity : showAddress(row.identity, false),
            token: row.token,
            active: row.isActive,
            createdAt: new Date(row.createdAtMs).toISOString(),
          })),
        );
        return EXIT.done;
      }
      const paint = painter(terminal.outInfo.colour);
      if (rows.length === 0) terminal.out("There are no affiliates.\n");
      terminal.out(renderTable(
        rows,
        [
          { title: "ID", value: (row) => String(row.id), align: "right" },
          { title: "TOKEN", value: (row) => row.token, paint: (cell) => paint.accent(cell) },
          { title: "NUMBER", value: (row) => number(row, showNumbers) ?? "hidden by the person" },
          {
            title: "STATE",
            value: (row) => row.isActive ? "active" : "deactivated",
            paint: (cell, row) => row.isActive ? paint.good(cell) : paint.warn(cell),
          },
          { title: "SINCE", value: (row) => formatInstant(row.createdAtMs), paint: (cell) => paint.dim(cell) },
        ],
        paint,
        terminal.outInfo.columns,
      ));
      return EXIT.done;
    });
  },
};

function number(row: Affiliate, show: boolean): string | undefined {
  return row.phoneNumber === undefined || show ? row.phoneNumber : maskNumber(row.phoneNumber);
}
