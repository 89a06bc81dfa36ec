import assert from "node:assert/strict";
import fc from "../support/property.ts";
import { ConfigError } from "../../lib/domain/errors.ts";
import { makeTokenCheck, SHORTEST_TOKEN } from "../../lib/http/token.ts";
import { TOKEN } from "./support.ts";

Deno.test("`makeTokenCheck` tells right, wrong and absent apart, for any text", () => {
  const check = makeTokenCheck(TOKEN);
  assert.equal(check(`Bearer ${TOKEN}`), "right");
  assert.equal(check(`BEARER  ${TOKEN} `), "right");
  for (const absent of [null, "", "Bearer", "Bearer ", TOKEN, `Basic ${TOKEN}`, `Bearer ${TOKEN} x`]) {
    assert.equal(check(absent), "absent", String(absent));
  }
  fc.assert(fc.property(fc.string(), (text) => {
    if (text === TOKEN) return;
    assert.notEqual(check(`Bearer ${text}`), "right");
    assert.notEqual(check(text), "right");
  }));
});

Deno.test("a token that is not ASCII is compared by the bytes that were sent", () => {
  const token = "é".repeat(SHORTEST_TOKEN);
  const asSent = [...new TextEncoder().encode(token)].map((byte) => String.fromCharCode(byte)).join("");
  assert.equal(makeTokenCheck(token)(`Bearer ${asSent}`), "right");
  assert.equal(makeTokenCheck(token)(`Bearer ${token}`), "wrong");
});

Deno.test("a token that is too short is refused without being quoted", () => {
  const short = "x".repeat(SHORTEST_TOKEN - 1);
  assert.throws(
    () => makeTokenCheck(short),
    (error: unknown) => error instanceof ConfigError && error.where === "ADMIN_TOKEN" && !error.message.includes(short),
  );
});

Deno.test("the token is compared in constant time, over hashes, and nowhere else", async () => {
  const room = new URL("../../lib/http/", import.meta.url);
  const source = await Deno.readTextFile(new URL("token.ts", room));
  assert.match(source, /timingSafeEqual\(hash\([^;]+\), expected\)/);
  assert.match(source, /const expected = hash\(/);
  for await (const { name, isFile } of Deno.readDir(room)) {
    if (!isFile || !name.endsWith(".ts") || name === "token.ts") continue;
    const text = await Deno.readTextFile(new URL(name, room));
    for (const use of text.match(/\.adminToken\b.*$/gm) ?? []) {
      assert.match(
        use,
        /^\.adminToken(?: === undefined \? undefined : makeTokenCheck\(options\.adminToken\);|\);)$/,
        name,
      );
    }
  }
});
