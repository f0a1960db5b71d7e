import { type Charset, charset, type Finder, type Report, runEnd, runStart } from "../hit.js";
import { eachRun, isPlainHex } from "../view/runs.js";

/**
 * A credential that is one run of characters after a known beginning.
 * `head` MUST begin with the literal of its `clue`, be sticky and repeat with fixed bounds only; it ends inside the run, of
 * which `body` finds the rest. So a place costs a bounded number of steps and each run is walked once: linear.
 */
interface Token {
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

const TOKENS: readonly Token[] = [
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
  token("discord_token", "\\.[A-Za-z0-9_-]{6}\\.", "[A-Za-z0-9_-]{27}", DASHED, {
    before: { of: DASHED, least: 23, most: 28 },
    accept: looksMade,
  }),
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
  token("jwt", "eyJ", "[A-Za-z0-9_-]{8}", DOTTED, { parts: true, accept: hasThreeParts }),
];

/** Every clue at once: the one pass over the text. By their first characters, so that most places cost one look. */
const CLUES = new RegExp(byFirst(new Set(TOKENS.map(({ clue }) => clue))), "g");

function byFirst(clues: ReadonlySet<string>): string {
  const groups = new Map<string, string[]>();
  for (const clue of clues) {
    const [first = ""] = /^(?:\[[^\]]+\]|\\[\s\S]|[\s\S])/.exec(clue) ?? [];
    groups.set(first, [...(groups.get(first) ?? []), clue.slice(first.length)]);
  }
  return [...groups].map(([first, rests]) => `${first}(?:${rests.join("|")})`).join("|");
}

/** The same for one look. */
export const TOKEN_CLUE = new RegExp(CLUES.source);

/** Tokens by what their clues look like in texts; of clues without an end in sight only so many are known. */
const byClue = new Map<string, readonly Token[]>();
const MOST_CLUES = 1_024;

const WITH_CLUES = TOKENS.map((each) => ({ each, clue: new RegExp(`^(?:${each.clue})`) }));

/** The tokens that may begin where this clue was found. */
function tokensFor(clue: string): readonly Token[] {
  const before = byClue.get(clue);
  if (before !== undefined) return before;
  const tokens = WITH_CLUES.filter((known) => known.clue.test(clue)).map(({ each }) => each);
  if (byClue.size < MOST_CLUES) byClue.set(clue, tokens);
  return tokens;
}

/** Tokens of cloud providers, source forges, chat, payment and model services, and JWTs. */
export const SERVICE_TOKENS: Finder = {
  kinds: [...new Set(TOKENS.map(({ kind }) => kind))],
  find: (text, report) => findTokens(text, report, runEnd),
  findJoined: (text, report) => findTokens(text, report, shortestEnd),
  breaks: "made",
  guessable: false,
};

type End = (text: string, inside: number, body: Charset) => number;

function shortestEnd(_: string, inside: number): number {
  return inside;
}

/** No clue begins further before the long run of characters that every token has. */
const BEFORE_RUN = 24;

/** The one pass: what has no long run holds no token, and only around those is anything else looked at. */
function findTokens(text: string, report: Report, endOf: End): void {
  /** By token, up to where its runs were judged. */
  const walked = new Map<Token, number>();
  let from = 0;
  let to = 0;
  const search = (): void => {
    const around = text.slice(from, to);
    CLUES.lastIndex = 0;
    for (let clue = CLUES.exec(around); clue !== null; clue = CLUES.exec(around)) {
      // What one clue covers may hold the next.
      CLUES.lastIndex = clue.index + 1;
      for (const each of tokensFor(clue[0])) judge({ text, at: from + clue.index, walked, endOf, report }, each);
    }
  };
  eachRun(text, ({ start, end }) => {
    // A clue has letters that no hex has; one that stands before a run of it ends in a dot or a dollar sign.
    if (text[start - 1] !== "." && text[start - 1] !== "$" && isPlainHex(text, { start, end })) return;
    // Runs that stand near each other are searched at once.
    if (start - BEFORE_RUN > to + NEAR) {
      search();
      from = Math.max(0, start - BEFORE_RUN);
    }
    to = end;
  });
  search();
}

/** Characters between two runs that cost less than another search. */
const NEAR = 64;

interface Clue {
  readonly text: string;
  readonly at: number;
  readonly walked: Map<Token, number>;
  readonly endOf: End;
  readonly report: Report;
}

function judge({ text, at, walked, endOf, report }: Clue, each: Token): void {
  each.head.lastIndex = at;
  if (!each.head.test(text)) return;
  const inside = each.head.lastIndex;
  // Inside a run that was judged already: it is covered, or was no hit from further left either.
  if (inside <= (walked.get(each) ?? 0)) return;
  const start = startOf(each, text, at);
  if (start === -1) return;
  const last = each.parts === true ? runEnd(text, inside, each.body) : endOf(text, inside, each.body);
  walked.set(each, last);
  const end = each.parts === true && endOf === shortestEnd ? shortestJwt(text, start, last) : last;
  if (end > start && each.accept?.(text.slice(start, end)) !== false) report({ kind: each.kind, start, end });
}

/** Characters of a signature that are enough to know one by. */
const SIGNATURE = 16;

/** Where a JWT whose payload is an object has enough of its signature; -1 where there is none. */
function shortestJwt(text: string, start: number, last: number): number {
  const payload = text.indexOf(".", start) + 1;
  if (payload === 0 || payload >= last || !text.startsWith("eyJ", payload)) return -1;
  const signature = text.indexOf(".", payload) + 1;
  return signature === 0 || signature + SIGNATURE > last ? -1 : signature + SIGNATURE;
}

/** Where the token starts; -1 where what stands before says that it is none. */
function startOf({ before, bounded: isBounded }: Token, text: string, at: number): number {
  if (isBounded === true && at > 0 && ALNUM[text.charCodeAt(at - 1)] === 1) return -1;
  if (before === undefined) return at;
  const start = runStart(text, at, before.of, before.most);
  return at - start >= before.least ? start : -1;
}

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
