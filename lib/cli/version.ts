/** The program's version, from the one place where it is written; in a compiled program it is part of the code. @module */
import manifest from "../../deno.json" with { type: "json" };

export const VERSION: string = manifest.version;
