/** What stands where a secret would, and is none: a variable, a template's slot, stars, a word that says so. */
const PLACEHOLDER =
  /^(?:\$\{[^\0]*|\$\([^\0]*|\$_?[a-z]+(?:_[a-z0-9]+)*(?:(?:->|\.|\[)[^\0]*)?|<[^<>0-9]*>|\{\{?[^{}]*\}?\}|%[A-Z_]+%|%\([a-z_]+\)s?|%[a-z]|[*xX.•_-]{1,64}|\[[a-z_ .-]*\]|(?:\[redacted:[a-z_]+(?::[0-9a-f]{12})?\](?:#[0-9]{1,6})?=?)+|(?:null|none|nil|undefined|true|false|string|number|boolean|required|optional|redacted|hidden|masked|removed|empty|unset|todo|n\/a|your[-_a-z]*|process\.env[^\0]*|os\.environ[^\0]*|env\.[A-Za-z_][\w.]*))$/i;

/** True for what is written in place of a secret. */
export function isPlaceholder(value: string): boolean {
  return PLACEHOLDER.test(value);
}
