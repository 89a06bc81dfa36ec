import { INTERNAL_ERROR, RpcFailure } from "./failure.ts";

/**
 * Parameters of a command: dashed or camelCase, lists as scalar or array, singular or plural; unknown ones are
 * never looked at (facts: signal.md §4.2). A wrong type is an unexpected error there, not a parameter error.
 */
export class Parameters {
  readonly #values: Readonly<Record<string, unknown>>;

  constructor(values: Readonly<Record<string, unknown>>) {
    this.#values = values;
  }

  text(name: string): string | undefined {
    const value = this.#find(name);
    return value === undefined || value === null ? undefined : cast(value, "string");
  }

  number(name: string): number | undefined {
    const value = this.#find(name);
    return value === undefined || value === null ? undefined : cast(value, "number");
  }

  flag(name: string): boolean {
    const value = this.#find(name);
    return value === undefined || value === null ? false : cast(value, "boolean");
  }

  texts(name: string): readonly string[] {
    return this.#items(name).map((each) => cast(each, "string"));
  }

  numbers(name: string): readonly number[] {
    return this.#items(name).map((each) => cast(each, "number"));
  }

  #items(name: string): readonly unknown[] {
    const value = this.#find(name) ?? this.#find(`${name}s`);
    if (value === undefined || value === null) return [];
    return Array.isArray(value) ? value : [value];
  }

  #find(name: string): unknown {
    const dashed = this.#values[name];
    return dashed !== undefined ? dashed : this.#values[camelCase(name)];
  }
}

function cast(value: unknown, type: "string"): string;
function cast(value: unknown, type: "number"): number;
function cast(value: unknown, type: "boolean"): boolean;
function cast(value: unknown, type: string): unknown {
  const actual = typeof value;
  if (actual === type) return value;
  throw new RpcFailure(INTERNAL_ERROR, `class cannot be cast to class ${type} (ClassCastException)`);
}

function camelCase(name: string): string {
  return name.replace(/-([a-z])/g, (_, letter: string) => letter.toUpperCase());
}
