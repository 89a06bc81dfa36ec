/**
 * Whether the tests run as root, whom no mode of a file stops. Read from a file of our own, since asking for the user's
 * id takes a permission that the tests do not have.
 *
 * @module
 */

export const AS_ROOT: boolean = ownsAsRoot();

function ownsAsRoot(): boolean {
  const path = Deno.makeTempFileSync();
  try {
    return Deno.statSync(path).uid === 0;
  } finally {
    Deno.removeSync(path);
  }
}
