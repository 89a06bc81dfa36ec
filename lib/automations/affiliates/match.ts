/**
 * The word that registers an affiliate.
 *
 * @module
 */

/**
 * White space as Unicode counts it, and the byte order mark, which some programs put in front of pasted text.
 * The group needs one `!` or `.` at least, so that no text makes the search take more than linear time.
 */
const GO = /^[\p{White_Space}\uFEFF]*go(?:[\p{White_Space}\uFEFF]*[!.]+)?[\p{White_Space}\uFEFF]*$/iu;

/**
 * Whether a text is "Go": any case, white space around it, and one or several `!` or `.` behind it; a blank may stand in
 * front of those, as French typography has it. Nothing else may be in the text.
 */
export function isGo(text: string): boolean {
  return GO.test(text);
}
