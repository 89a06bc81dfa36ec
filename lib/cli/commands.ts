/**
 * Every command, in the order of `--help`.
 *
 * @module
 */
import type { CommandSpec, GroupSpec } from "./command.ts";
import { affiliatesListCommand } from "./commands/affiliates_list.ts";
import { affiliatesActivateCommand, affiliatesDeactivateCommand } from "./commands/affiliates_set.ts";
import { backupCommand } from "./commands/backup.ts";
import { captchaCommand } from "./commands/captcha.ts";
import { checkCommand } from "./commands/check.ts";
import { demoCommand } from "./commands/demo.ts";
import { demoOrderCommand } from "./commands/demo_order.ts";
import { dlqDropCommand } from "./commands/dlq_drop.ts";
import { dlqListCommand } from "./commands/dlq_list.ts";
import { dlqReplayCommand } from "./commands/dlq_replay.ts";
import { dlqShowCommand } from "./commands/dlq_show.ts";
import { doctorCommand } from "./commands/doctor.ts";
import { explainCommand } from "./commands/explain.ts";
import { groupsCommand } from "./commands/groups.ts";
import { healthCommand } from "./commands/health.ts";
import { installCommand } from "./commands/install.ts";
import { linkCommand } from "./commands/link.ts";
import { migrateCommand } from "./commands/migrate.ts";
import { outboxListCommand } from "./commands/outbox_list.ts";
import { pruneCommand } from "./commands/prune.ts";
import { runCommand } from "./commands/run.ts";
import { sendCommand } from "./commands/send.ts";
import { templatesCheckCommand } from "./commands/templates_check.ts";
import { templatesListCommand } from "./commands/templates_list.ts";
import { templatesPreviewCommand } from "./commands/templates_preview.ts";
import { uninstallCommand } from "./commands/uninstall.ts";
import { versionCommand } from "./commands/version.ts";

export const COMMANDS: readonly CommandSpec[] = [
  runCommand,
  demoCommand,
  demoOrderCommand,
  checkCommand,
  doctorCommand,
  healthCommand,
  linkCommand,
  groupsCommand,
  captchaCommand,
  migrateCommand,
  templatesListCommand,
  templatesPreviewCommand,
  templatesCheckCommand,
  affiliatesListCommand,
  affiliatesActivateCommand,
  affiliatesDeactivateCommand,
  sendCommand,
  outboxListCommand,
  explainCommand,
  dlqListCommand,
  dlqShowCommand,
  dlqReplayCommand,
  dlqDropCommand,
  pruneCommand,
  backupCommand,
  installCommand,
  uninstallCommand,
  versionCommand,
];

export const GROUPS: readonly GroupSpec[] = [
  { name: "templates", summary: "The texts of the messages" },
  { name: "affiliates", summary: "People with a link of their own" },
  { name: "outbox", summary: "Messages on their way out" },
  { name: "dlq", summary: "Dead letters: messages that were given up" },
];
