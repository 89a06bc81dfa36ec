/**
 * Every command, in the order of `--help`.
 *
 * @module
 */
import type { CommandSpec, GroupSpec } from "./command.ts";
import { affiliatesListCommand } from "./commands/affiliates_list.ts";
import { affiliatesActivateCommand, affiliatesDeactivateCommand } from "./commands/affiliates_set.ts";
import { checkCommand } from "./commands/check.ts";
import { demoCommand } from "./commands/demo.ts";
import { demoOrderCommand } from "./commands/demo_order.ts";
import { healthCommand } from "./commands/health.ts";
import { migrateCommand } from "./commands/migrate.ts";
import { dlqListCommand, outboxListCommand } from "./commands/outbox_list.ts";
import { runCommand } from "./commands/run.ts";
import { templatesCheckCommand } from "./commands/templates_check.ts";
import { templatesListCommand } from "./commands/templates_list.ts";
import { templatesPreviewCommand } from "./commands/templates_preview.ts";
import { versionCommand } from "./commands/version.ts";

export const COMMANDS: readonly CommandSpec[] = [
  runCommand,
  demoCommand,
  demoOrderCommand,
  checkCommand,
  healthCommand,
  migrateCommand,
  templatesListCommand,
  templatesPreviewCommand,
  templatesCheckCommand,
  affiliatesListCommand,
  affiliatesActivateCommand,
  affiliatesDeactivateCommand,
  outboxListCommand,
  dlqListCommand,
  versionCommand,
];

export const GROUPS: readonly GroupSpec[] = [
  { name: "templates", summary: "The texts of the messages" },
  { name: "affiliates", summary: "People with a link of their own" },
  { name: "outbox", summary: "Messages on their way out" },
  { name: "dlq", summary: "Dead letters: messages that were given up" },
];
