import type { Tool } from "./tool.js";

/**
 * One expression a kind, as they are passed around: what a gate would have that looks for the same kinds with the
 * expressions at hand, and at the text as it comes. Case is minded unless a flag says otherwise.
 */
const EXPRESSIONS: readonly (readonly [string, RegExp])[] = [
  ["private_key", /-----BEGIN [A-Z ]*PRIVATE KEY(?: BLOCK)?-----[\s\S]*?-----END [A-Z ]*PRIVATE KEY(?: BLOCK)?-----/g],
  ["aws_access_key_id", /\b(?:AKIA|ASIA|AGPA|AIDA|AROA|ANPA)[A-Z0-9]{16}\b/g],
  ["aws_secret_access_key", /aws.{0,20}?(?:secret|key).{0,20}?['"=: ]([A-Za-z0-9/+=]{40})\b/gi],
  ["google_api_key", /\bAIza[0-9A-Za-z_-]{35}\b/g],
  ["google_oauth_secret", /\bGOCSPX-[0-9A-Za-z_-]{28}\b/g],
  ["azure_account_key", /AccountKey=[A-Za-z0-9+/]{86}==/g],
  ["digitalocean_token", /\bdo[opr]_v1_[a-f0-9]{64}\b/g],
  ["github_token", /\bgh[pousr]_[0-9A-Za-z]{36}\b/g],
  ["github_token", /\bgithub_pat_[0-9A-Za-z_]{82}\b/g],
  ["gitlab_token", /\bglpat-[0-9A-Za-z_-]{20}\b/g],
  ["npm_token", /\bnpm_[0-9A-Za-z]{36}\b/g],
  ["pypi_token", /\bpypi-AgEIcHlwaS5vcmc[0-9A-Za-z_-]{50,}/g],
  ["slack_token", /\bxox[abprs]-[0-9A-Za-z-]{10,}/g],
  ["slack_token", /\bxapp-\d-[A-Z0-9]+-\d+-[a-z0-9]+/gi],
  ["slack_webhook", /https:\/\/hooks\.slack\.com\/services\/T[0-9A-Z]+\/B[0-9A-Z]+\/[0-9A-Za-z]+/g],
  ["discord_webhook", /https:\/\/discord(?:app)?\.com\/api\/webhooks\/\d+\/[0-9A-Za-z_-]+/g],
  ["telegram_token", /\b\d{8,10}:[0-9A-Za-z_-]{35}\b/g],
  ["stripe_key", /\b[rs]k_live_[0-9A-Za-z]{24,}\b/g],
  ["stripe_key", /\bwhsec_[0-9A-Za-z]{32,}\b/g],
  ["square_token", /\bEAAA[0-9A-Za-z_-]{60}\b/g],
  ["square_token", /\bsq0[a-z]{3}-[0-9A-Za-z_-]{22,43}\b/g],
  ["twilio_key", /\bSK[0-9a-f]{32}\b/g],
  ["sendgrid_key", /\bSG\.[0-9A-Za-z_-]{22}\.[0-9A-Za-z_-]{43}\b/g],
  ["shopify_token", /\bshp(?:at|ca|pa|ss)_[0-9a-fA-F]{32}\b/g],
  ["openai_key", /\bsk-(?:proj-|svcacct-)?[0-9A-Za-z_-]{20,}T3BlbkFJ[0-9A-Za-z_-]{20,}/g],
  ["anthropic_key", /\bsk-ant-[a-z0-9]+-[0-9A-Za-z_-]{90,}/g],
  ["huggingface_token", /\bhf_[0-9A-Za-z]{34}\b/g],
  ["jwt", /\beyJ[0-9A-Za-z_-]+\.eyJ[0-9A-Za-z_-]+\.[0-9A-Za-z_-]+/g],
  ["bearer_token", /bearer\s+[0-9A-Za-z._~+/-]{16,}=*/gi],
  ["connection_string", /[a-z][a-z0-9+.-]*:\/\/[^/\s:@]*:[^/\s:@]+@[^/\s]+/gi],
  ["password_assignment", /(?:api[_-]?key|secret|token|passwd|password|pwd)['"]?\s*[:=]\s*['"]?[^\s'"]{8,}/gi],
  ["email", /[\w.+-]+@[\w-]+\.[\w.-]+/g],
  ["phone", /(?:\+\d{1,3}[ .-]?)?\(?\d{3}\)?[ .-]?\d{3}[ .-]?\d{4}\b/g],
  ["payment_card", /\b(?:\d[ -]?){12,18}\d\b/g],
  ["iban", /\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){3,7}(?: ?[A-Z0-9]{1,3})?\b/g],
];

export const textbook: Tool = {
  name: "textbook expressions",
  find: async (text) =>
    EXPRESSIONS.flatMap(([kind, expression]) =>
      Array.from(text.matchAll(expression), (match) => ({
        kind,
        start: match.index,
        end: match.index + match[0].length,
      })),
    ),
};
