/**
 * A QR code in the terminal. The only file that knows the library.
 *
 * @module
 */
import { encode } from "uqr";

/** Empty modules around the code: readers want four and are content with two. */
const BORDER = 2;

/**
 * Two modules a character, so that they are square. With colours it is black on white whatever the terminal's own
 * colours are; without, light modules are drawn, which is right on a dark terminal.
 */
export function qrCode(text: string, colour: boolean): { readonly lines: string; readonly columns: number } {
  const { data } = encode(text, { ecc: "L", border: BORDER });
  const drawn = (row: number, column: number) => (data[row]?.[column] ?? false) === colour;
  let lines = "";
  for (let row = 0; row < data.length; row += 2) {
    const line = data[row]!.map((_, column) => {
      const [upper, lower] = [drawn(row, column), drawn(row + 1, column)];
      return upper ? (lower ? "█" : "▀") : (lower ? "▄" : " ");
    }).join("");
    lines += colour ? `\u001b[30;107m${line}\u001b[0m\n` : `${line}\n`;
  }
  return { lines, columns: data.length };
}
