/**
 * fast-check with the draw of the gate: `PROPERTY_SEED` is set there, so that no run is red by chance. By hand, without it,
 * every run draws anew and may find something.
 *
 * @module
 */
import fc from "fast-check";

const seed = Deno.env.get("PROPERTY_SEED");
if (seed !== undefined) fc.configureGlobal({ ...fc.readConfigureGlobal(), seed: Number(seed) });

export default fc;
