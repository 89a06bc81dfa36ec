/**
 * A templates file for commands: read and compiled without any effect.
 *
 * @module
 */
import { ConfigError } from "../domain/errors.ts";
import { type Compiled, describeProblem } from "../runtime/file_problem.ts";
import { BUILT_IN_TEMPLATES, type TemplateSet } from "../templates/template_set.ts";
import { compileTemplates } from "../templates/compile.ts";
import { EXIT } from "./exit_code.ts";
import { CliProblem } from "./problem.ts";

/** @returns undefined when there is no such file @throws {ConfigError} when it is there and cannot be read */
export async function readTemplates(path: string): Promise<Compiled<TemplateSet> | undefined> {
  try {
    return compileTemplates(await Deno.readTextFile(path));
  } catch (error) {
    if (error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory) return undefined;
    if (error instanceof Deno.errors.IsADirectory) throw new ConfigError(path, "is a folder", "a YAML file");
    throw error;
  }
}

/**
 * The set that the service would use: the file's, or the built-in one where there is no file.
 * @throws {CliProblem} `usage` for a file that the service would refuse
 */
export async function templatesInUse(path: string): Promise<{ readonly set: TemplateSet; readonly fromFile: boolean }> {
  const compiled = await readTemplates(path);
  if (compiled === undefined) return { set: BUILT_IN_TEMPLATES, fromFile: false };
  if (compiled.ok) return { set: compiled.value, fromFile: true };
  throw new CliProblem(EXIT.usage, `${path} is refused`, {
    details: compiled.problems.map((problem) => describeProblem(path, problem)),
    next: `signal-automation templates check ${path}`,
  });
}
