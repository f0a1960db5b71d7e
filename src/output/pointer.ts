const LONE_SURROGATE = /\p{Surrogate}/gu;
const MAX_TOKEN_LENGTH = 128;

/** The text with every lone surrogate replaced by U+FFFD, so that canonical JSON can hold it. */
export function wellFormed(text: string): string {
  return text.replace(LONE_SURROGATE, "\uFFFD");
}

/**
 * A JSON Pointer (RFC 6901) of steps that are already safe to show.
 * Long steps are cut: a hostile key must not fill the log. So MUST redaction come before, or half a secret is shown.
 */
export function pointerOf(steps: readonly string[]): string {
  let pointer = "";
  for (const step of steps) {
    const shown = step.length > MAX_TOKEN_LENGTH ? `${step.slice(0, MAX_TOKEN_LENGTH)}...` : step;
    pointer += `/${wellFormed(shown).replaceAll("~", "~0").replaceAll("/", "~1")}`;
  }
  return pointer;
}
