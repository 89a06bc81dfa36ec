/**
 * The gate's secret scan: every tracked file, for things that must never be in a repository. Prints `file:line: what`
 * (never the value) and exits 1 when there is a finding.
 *
 *   deno run -A scripts/scan_secrets.ts [--root DIR]
 *
 * There is no list of exceptions: made-up values look made up (fictional number ranges, few different characters).
 *
 * @module
 */
import { join } from "node:path";
import { parseArgs } from "node:util";

export interface Secret {
  readonly line: number;
  readonly what: string;
}

interface Rule {
  readonly what: string;
  readonly pattern: RegExp;
  /** False for what only looks like one. Gets the whole match and its groups. */
  readonly isReal?: (match: RegExpExecArray) => boolean;
}

/** A key or token has more different characters than a placeholder such as XXXXXXXX. */
const FEW_CHARACTERS = 5;
const RULES: readonly Rule[] = [
  { what: "private key", pattern: /-----BEGIN (?:[A-Z]+ )*PRIVATE KEY-----/g },
  {
    what: "Slack webhook",
    pattern: /hooks\.slack\.com\/services\/T[A-Z0-9]{6,}\/B[A-Z0-9]{6,}\/([A-Za-z0-9]{16,})/g,
    isReal: ([, token = ""]) => new Set(token).size > FEW_CHARACTERS,
  },
  {
    what: "Discord webhook",
    pattern: /discord(?:app)?\.com\/api\/webhooks\/[0-9]{15,}\/([A-Za-z0-9_-]{40,})/g,
    isReal: ([, token = ""]) => new Set(token).size > FEW_CHARACTERS,
  },
  {
    what: "Slack, GitHub, npm or AWS token",
    pattern: /\b(?:xox[abposr]-[A-Za-z0-9-]{20,}|gh[opsu]_[A-Za-z0-9]{30,}|npm_[A-Za-z0-9]{30,}|AKIA[A-Z0-9]{16})\b/g,
    isReal: ([found]) => new Set(found).size > 2 * FEW_CHARACTERS,
  },
  {
    what: "secret assigned to a name",
    pattern: /\b\w*(?:TOKEN|PASSWORD|SECRET|API_?KEY)\w*["']?\s*[=:]\s*["'`]?(?:whsec_)?([A-Za-z0-9+/_-]{24,}={0,2})/gi,
    isReal: ([, value = ""]) => looksRandom(value),
  },
  {
    what: "phone number outside the fictional ranges",
    pattern: /(?<![\w+/=])\+[1-9](?:[ .-]?[0-9]){7,14}(?![\w])/g,
    isReal: ([found]) => !isFictional(found.replace(/[ .-]/g, "")),
  },
];

/** Digits, upper and lower case mixed, and many different characters: made by a generator and not by a person. */
function looksRandom(value: string): boolean {
  return /[0-9]/.test(value) && /[A-Z]/.test(value) && /[a-z]/.test(value) &&
    new Set(value).size > 3 * FEW_CHARACTERS && !/(?:ABCDEF|abcdef|012345|123456)/.test(value);
}

/** Ranges that numbering authorities keep for films and manuals, and the sample numbers of the original's files. */
const FICTIONAL = [
  /^\+1555/, // North America, as films have it
  /^\+1[2-9][0-9]{2}55501[0-9]{2}$/, // North America, NANPA: 555-0100 to 555-0199
  /^\+33(?:19900|26191|35301|46571|53649|63998)/, // France, ARCEP decision 2018-0881
  /^\+44(?:7700900|1632960|2079460)/, // United Kingdom, Ofcom
  /^\+353209[0-9]{2}/, // Ireland, ComReg
  /^\+61(?:491570|255501|355501|755501|855501)/, // Australia, ACMA
  /^\+493023125/, // Germany, BNetzA: Berlin
  /^\+999/, // no country has it
  /^\+33123456789$/,
  /^\+33987654321$/,
];

function isFictional(number: string): boolean {
  return FICTIONAL.some((range) => range.test(number)) || /(\d)\1{4}/.test(number) || /01234|12345|98765/.test(number);
}

/** Names of files whose content is made by tools and holds hashes. */
const GENERATED = /(?:^|\/)deno\.lock$/;

/** @returns what looks like a secret in `text`, by line */
export function scanText(text: string): Secret[] {
  const found: Secret[] = [];
  for (const { what, pattern, isReal } of RULES) {
    for (const match of text.matchAll(pattern)) {
      if (isReal !== undefined && !isReal(match)) continue;
      found.push({ what, line: text.slice(0, match.index).split("\n").length });
    }
  }
  return found.toSorted((a, b) => a.line - b.line);
}

async function trackedFiles(root: string): Promise<string[]> {
  const git = new Deno.Command("git", { args: ["ls-files", "-z"], cwd: root });
  const { success, stdout, stderr } = await git.output();
  if (!success) throw new Error(`git ls-files failed: ${new TextDecoder().decode(stderr).trim()}`);
  return new TextDecoder().decode(stdout).split("\0").filter((path) => path !== "");
}

/** @returns the text, or undefined for what is no text or was deleted from the work tree */
async function readText(path: string): Promise<string | undefined> {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(await Deno.readFile(path));
  } catch (error) {
    if (error instanceof TypeError || error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

if (import.meta.main) {
  const { values } = parseArgs({ options: { root: { type: "string" } } });
  const root = values.root ?? join(import.meta.dirname!, "..");
  let count = 0;
  for (const file of await trackedFiles(root)) {
    const text = GENERATED.test(file) ? undefined : await readText(join(root, file));
    for (const { line, what } of text === undefined ? [] : scanText(text)) {
      console.log(`${file}:${line}: ${what}`);
      count++;
    }
  }
  if (count > 0) {
    console.log(`${count} finding${count === 1 ? "" : "s"}`);
    Deno.exit(1);
  }
}
