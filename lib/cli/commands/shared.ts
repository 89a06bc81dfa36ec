/** Options that several commands share. @module */
import type { OptionSpec } from "../command.ts";

export const SHOW_NUMBERS: OptionSpec = { flags: "--show-numbers", description: "show phone numbers in full" };
