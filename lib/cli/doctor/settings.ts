/**
 * Everything that `check` says, as findings.
 *
 * @module
 */
import type { LoadResult } from "../../config/load.ts";
import { outsideGrants } from "../../config/outside_grants.ts";
import type { Problem, Warning } from "../../config/problems.ts";
import { formatProblem, formatWarning } from "../../config/problems.ts";
import type { Finding } from "../health/finding.ts";
import { inspectFiles } from "../inspect.ts";

/** @param result as it was found, good or not */
export async function judgeSettings(result: LoadResult): Promise<Finding[]> {
  const problems: Problem[] = "problems" in result ? [...result.problems] : [];
  const warnings: Warning[] = [...result.warnings];
  if ("config" in result) {
    const query = (descriptor: Deno.PermissionDescriptor) => Deno.permissions.querySync(descriptor).state;
    const outside = outsideGrants(result.config, query, { envFile: result.file });
    const files = await inspectFiles(result.config);
    problems.push(...outside.problems, ...files.problems.filter(({ name }) => !outside.settings.has(name)));
    warnings.push(...outside.warnings, ...files.warnings);
  }
  const name = "settings";
  const found: Finding[] = [
    ...problems.map((problem): Finding => ({ name, level: "fail", text: formatProblem(problem) })),
    ...warnings.map((warning): Finding => ({ name, level: "warn", text: formatWarning(warning) })),
  ];
  return found.length > 0 ? found : [{ name, level: "ok", text: `from ${result.file ?? "the environment"}` }];
}
