/** A story as JSON: the same facts, instants as ISO texts, what is not known as null. @module */
import type { Story } from "./story.ts";

/** A field for an instant: `enqueuedAtMs` becomes `enqueuedAt`. */
const INSTANT = /^(at|.*At)Ms$/;

export function storyJson(story: Story): unknown {
  return plain(story);
}

function plain(value: unknown): unknown {
  if (value === undefined) return null;
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, each]) =>
      INSTANT.test(name)
        ? [name.slice(0, -2), typeof each === "number" ? new Date(each).toISOString() : null]
        : [name, plain(each)]
    ),
  );
}
