/** The tables of a new demo. @module */
import { openMigrator } from "../../store/migrate.ts";
import type { CliContext } from "../command.ts";
import type { DemoFolder } from "./folder.ts";

export async function migrateFolder(folder: DemoFolder, { assetsDir, clock, random }: CliContext): Promise<void> {
  const options = { engine: "sqlite", path: folder.database, ordersTimezone: "UTC" } as const;
  const migrator = await openMigrator(options, assetsDir, { clock, random });
  try {
    await migrator.apply();
  } finally {
    await migrator.close();
  }
}
