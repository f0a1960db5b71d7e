import { type Charset, charset } from "../hit.js";

/**
 * A credential that is one run of characters after a known beginning.
 * `head` MUST begin with the literal of its `clue`, be sticky and repeat with fixed bounds only; it ends inside the run, of
 * which `body` finds the rest. So a place costs a bounded number of steps and each run is walked once: linear.
 */
export interface Token {
  readonly kind: string;
  readonly clue: string;
  readonly head: RegExp;
  readonly body: Charset;
  /** Characters before the clue that belong to it. */
  readonly before?: { readonly of: Charset; readonly least: number; readonly most: number };
  /** Whether a letter or digit right before it says that it is part of something else. */
  readonly bounded?: true;
  /** Whether its run is of parts between dots, of which only the last may be cut short. */
  readonly parts?: true;
  /** Told the run; one that is not accepted is no hit. */
  readonly accept?: (run: string) => boolean;
}

const ALNUM = charset("A-Za-z0-9");
const DIGIT = charset("0-9");
const HEX = charset("0-9a-f");
const WORD = charset("A-Za-z0-9_");
const DASHED = charset("A-Za-z0-9_-");
const DOTTED = charset("A-Za-z0-9_.-");
const BASE64 = charset("A-Za-z0-9+/=_-");

function token(kind: string, clue: string, tail: string, body: Charset, more: Partial<Token> = {}): Token {
  return { kind, clue, head: new RegExp(`${clue}${tail}`, "y"), body, ...more };
}

const bounded = { bounded: true } as const;

export const TOKENS: readonly Token[] = [
  token("aws_access_key_id", "A[KS]IA", "[A-Z0-9]{16}", charset("A-Z0-9")),
  token("aws_bedrock_key", "ABSK", "[A-Za-z0-9+/]{40}", BASE64, bounded),
  token("google_api_key", "AIza", "[A-Za-z0-9_-]{35}", DASHED),
  token("google_oauth_secret", "GOCSPX-", "[A-Za-z0-9_-]{28}", DASHED),
  token("google_oauth_token", "ya29\\.", "[A-Za-z0-9_-]{20}", DOTTED, bounded),
  token("azure_client_secret", "8Q~", "[A-Za-z0-9_~.-]{31}", charset("A-Za-z0-9_~.-"), {
    before: { of: ALNUM, least: 3, most: 3 },
  }),
  token("alibaba_access_key_id", "LTAI", "[A-Za-z0-9]{12}", ALNUM, { ...bounded, accept: looksMade }),
  token("github_token", "gh[oprsu]_", "[A-Za-z0-9]{36}", ALNUM),
  token("github_token", "github_pat_", "[A-Za-z0-9_]{22}", WORD),
  token("gitlab_token", "gl(?:pat|dt|ptt|rt|cbt|soat|ft|imt|agent)-", "[A-Za-z0-9_-]{20}", DOTTED),
  token("atlassian_token", "ATATT3", "[A-Za-z0-9_=-]{50}", charset("A-Za-z0-9_=-"), bounded),
  token("slack_token", "xox[a-z]-", "[A-Za-z0-9-]{11}", DASHED, { accept: looksMade }),
  token("slack_token", "xapp-", "[0-9]-[A-Za-z0-9-]{12}", DASHED),
  token(
    "slack_webhook",
    "hooks\\.slack\\.com/",
    "(?:services|workflows|triggers)/[A-Z0-9]{6,14}/[A-Z0-9]{6,14}/[A-Za-z0-9/]{16}",
    charset("A-Za-z0-9/"),
  ),
  token("discord_webhook", "discord(?:app)?\\.com/api/", "webhooks/[0-9]{15,22}/[A-Za-z0-9_-]{50}", DASHED),
  token("teams_webhook", "\\.webhook\\.office\\.com/", "webhookb2/[a-z0-9@-]{30}", charset("A-Za-z0-9@/-")),
  token("npm_token", "npm_", "[A-Za-z0-9]{36}", ALNUM),
  token("pypi_token", "pypi-", "AgE[A-Za-z0-9_-]{40}", DASHED),
  token("rubygems_token", "rubygems_", "[0-9a-f]{48}", HEX),
  token("docker_token", "dckr_[a-z]{3}_", "[A-Za-z0-9_-]{20}", DASHED),
  token("stripe_key", "[rs]k_live_", "[A-Za-z0-9]{16}", ALNUM),
  token("stripe_key", "whsec_", "[A-Za-z0-9+/]{24}", BASE64),
  token("square_token", "sq0[a-z]{3}-", "[A-Za-z0-9_-]{22}", DASHED),
  token("square_token", "EAAA", "[A-Za-z0-9_-]{60}", DASHED, {
    ...bounded,
    accept: (run) => run.length === 64 && looksMade(run),
  }),
  token("paypal_token", "access_token\\$production\\$", "[0-9a-z]{16}", charset("0-9a-z$")),
  token("shopify_token", "shp(?:at|ca|pa|ss|tka)_", "[0-9a-fA-F]{32}", charset("0-9a-fA-F")),
  token("twilio_key", "SK", "[0-9a-f]{32}", HEX, { ...bounded, accept: (run) => run.length === 34 }),
  token("sendgrid_key", "SG\\.", "[A-Za-z0-9_-]{16,24}\\.[A-Za-z0-9_-]{32}", DASHED),
  token("mailgun_key", "key-", "[0-9a-f]{32}", HEX, bounded),
  token("mailchimp_key", "-us", "[0-9]{1,2}", DIGIT, { before: { of: HEX, least: 32, most: 32 } }),
  token("anthropic_key", "sk-ant-", "[A-Za-z0-9_-]{24}", DASHED),
  token("openai_key", "sk-", "[A-Za-z0-9_-]{20}", DASHED, { ...bounded, accept: hasMadePart }),
  token("huggingface_token", "hf_", "[A-Za-z0-9]{30}", ALNUM, { ...bounded, accept: mixesCase }),
  token("groq_key", "gsk_", "[A-Za-z0-9]{40}", ALNUM, bounded),
  token("xai_key", "xai-", "[A-Za-z0-9]{60}", ALNUM, bounded),
  token("perplexity_key", "pplx-", "[A-Za-z0-9]{40}", ALNUM, bounded),
  token("replicate_token", "r8_", "[A-Za-z0-9]{36}", ALNUM, bounded),
  token("telegram_token", ":AA", "[A-Za-z0-9_-]{32,33}", DASHED, {
    before: { of: DIGIT, least: 8, most: 10 },
    accept: looksMade,
  }),
  token("digitalocean_token", "do[opr]_v1_", "[0-9a-f]{64}", HEX),
  token("databricks_token", "dapi", "[0-9a-f]{32}", charset("0-9a-f-"), bounded),
  token("vault_token", "hv[sbr]\\.", "[A-Za-z0-9_-]{24}", DASHED, { ...bounded, accept: looksMade }),
  token("terraform_token", "\\.atlasv1\\.", "[A-Za-z0-9_-]{60}", DASHED, {
    before: { of: ALNUM, least: 14, most: 14 },
  }),
  token("pulumi_token", "pul-", "[0-9a-f]{40}", HEX, bounded),
  token("doppler_token", "dp\\.[a-z]{2,6}\\.", "[A-Za-z0-9]{40}", ALNUM, bounded),
  token("grafana_token", "gl(?:sa|c)_", "[A-Za-z0-9+/=_]{32}", BASE64, { ...bounded, accept: looksMade }),
  token("sentry_token", "sntry[su]_", "[A-Za-z0-9+/=_]{32}", BASE64, bounded),
  token("new_relic_key", "NRAK-", "[A-Z0-9]{27}", charset("A-Z0-9"), bounded),
  token("postman_key", "PMAK-", "[0-9a-f]{24}-[0-9a-f]{34}", HEX, bounded),
  token("linear_key", "lin_(?:api|oauth)_", "[A-Za-z0-9]{32}", ALNUM),
  token("notion_token", "ntn_", "[A-Za-z0-9]{40}", ALNUM, bounded),
  token("figma_token", "fig[dor]_", "[A-Za-z0-9_-]{32}", DASHED, bounded),
  token("airtable_token", "pat[A-Za-z0-9]{14}\\.", "[0-9a-f]{64}", HEX, bounded),
  token("planetscale_token", "pscale_[a-z]{2,6}_", "[A-Za-z0-9_.-]{30}", DOTTED),
  token("supabase_token", "sb[ps]_", "[a-z0-9_]{36}", WORD, bounded),
  token("fly_token", "fm2_", "[A-Za-z0-9+/=]{60}", BASE64, bounded),
  token("age_key", "AGE-SECRET-KEY-", "1[A-Z0-9]{58}", charset("A-Z0-9")),
  token("jwt", "eyJ", "[A-Za-z0-9_-]{13}", DOTTED, { parts: true, accept: hasThreeParts }),
];

/** The one that no three characters announce: a bot's id, a dot, six characters, and another dot. */
export const DISCORD_TOKEN = token("discord_token", "\\.[A-Za-z0-9_-]{6}\\.", "[A-Za-z0-9_-]{27}", DASHED, {
  before: { of: DASHED, least: 23, most: 28 },
  accept: looksMade,
});

/** False for the words of prose, such as `authentication-scheme`: no digit, and no capital after a small letter. */
function looksMade(run: string): boolean {
  return /[0-9]|[a-z][A-Z]/.test(run);
}

function mixesCase(run: string): boolean {
  return /[a-z]/.test(run) && /[A-Z]/.test(run);
}

const MADE_PART = /(?=[A-Za-z]{0,64}[0-9])(?=[0-9]{0,64}[A-Za-z])[A-Za-z0-9]{16}/;

/** True when a part between dashes and bars is too long and too mixed for a name. */
function hasMadePart(run: string): boolean {
  return MADE_PART.test(run);
}

/** JWS compact form has two dots, JWE four (RFC 7515, RFC 7516). */
function hasThreeParts(run: string): boolean {
  const first = run.indexOf(".");
  return first !== -1 && run.includes(".", first + 1);
}
