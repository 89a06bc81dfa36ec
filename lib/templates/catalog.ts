/**
 * The closed set of templates: their keys, the placeholders each one may use, and the built-in texts.
 *
 * Keys, placeholders and texts of the first seven are those of the original system (source: its `templates.yaml`), so
 * that people go on receiving what they know and an owner's own file stays valid.
 *
 * @module
 */

/** Placeholders by template. A template may leave some out; it cannot use others. */
export const PLACEHOLDERS = {
  /** To the owner's group: an order came in. */
  new_order_owner: ["time", "date", "total", "client", "ip"],
  /** To the owner's group: somebody registered. */
  new_affiliate_owner: ["time", "date", "phone", "token"],
  /** To the person: registered just now. */
  affiliate_registration_success: ["link", "token"],
  /** To the person: registered before. */
  affiliate_already_registered: ["link", "token"],
  /** To the person: registered before and deactivated since. */
  affiliate_deactivated: [],
  /** To the affiliate whose token an order carries. */
  new_order_affiliate: ["time", "date", "total", "client", "ip"],
  /** To the admin, over Signal. */
  system_alert: ["message"],
  /** To the admin, by webhook, when Signal is the trouble. */
  webhook_alert: ["message"],
} as const satisfies Readonly<Record<string, readonly string[]>>;

export type TemplateKey = keyof typeof PLACEHOLDERS;

export type PlaceholderOf<K extends TemplateKey> = typeof PLACEHOLDERS[K][number];

/** The values that a template is rendered with: all of them, already text (see `format.ts`). */
export type ValuesOf<K extends TemplateKey> = { readonly [P in PlaceholderOf<K>]: string };

/** In the order in which they are shown. */
export const TEMPLATE_KEYS = Object.keys(PLACEHOLDERS) as readonly TemplateKey[];

export function isTemplateKey(key: string): key is TemplateKey {
  return Object.hasOwn(PLACEHOLDERS, key);
}

/**
 * The text used for a key that the file does not have, and without a file. A constant, so that it cannot be missing
 * however the program was built; `templates/templates.yaml` shows the same to people, and a test compares the two.
 */
export const BUILT_IN: Readonly<Record<TemplateKey, string>> = {
  new_order_owner: [
    "💸 New order alert!",
    "🕓 Time: {time}",
    "📅 Date: {date}",
    "💰 Total: {total}",
    "🙍♂️ Client: {client}",
    "🌍 IP: {ip}",
  ].join("\n"),
  new_affiliate_owner: [
    "🙍♂️ New affiliate alert!",
    "🕓 Time: {time}",
    "📅 Date: {date}",
    "📞 Phone number: {phone}",
    "🗝️ Affiliate token: {token}",
  ].join("\n"),
  affiliate_registration_success: "Inscription confirmée - Votre lien affilié: {link}?{token}",
  affiliate_already_registered: "Vous êtes déjà enregistré - Votre lien affilié: {link}?{token}",
  affiliate_deactivated:
    "Votre lien affilié est désactivé - Pour le réactiver, ou pour toute question, merci de contacter la boutique.",
  new_order_affiliate: [
    "💸 Nouvelle commande !",
    "🕓 Heure: {time}",
    "📅 Date: {date}",
    "💰 Total: {total}",
    "🙍♂️ Client: {client}",
    "🌍 IP: {ip}",
  ].join("\n"),
  system_alert: "🚨 SYSTEM ALERT: {message}",
  webhook_alert: "⚠️ WEBHOOK ALERT: {message}",
};

/** For `templates preview` and `templates check`: a value per placeholder, nobody's real data. */
export const SAMPLE_VALUES: Readonly<Record<PlaceholderOf<TemplateKey>, string>> = {
  time: "14:05:09",
  date: "2026-01-31",
  total: "12.50€",
  client: "Élodie {Test} 🙂",
  ip: "203.0.113.7",
  phone: "+33123456789",
  link: "https://shop.example/affiliate",
  token: "A1B2C3D4E5F6",
  message: "This is a test",
};
