import { type Charset, charset, type DetectorSet, type Hit, runEnd } from "./hit.js";

/**
 * A credential that is one run of characters after a known beginning.
 * `head` MUST begin with a literal and repeat with fixed bounds only; it ends inside the run, of which `body` finds the
 * rest. So a position costs a bounded number of steps and each run is walked once: linear, whatever the text.
 */
interface Credential {
  readonly kind: string;
  /** Group 1, where there is one, is what stands before the credential and stays (`AccountKey=`). */
  readonly head: RegExp;
  readonly body: Charset;
  /** Base64 padding after the run, at most this many `=`. */
  readonly padding?: number;
  /** Told the run; a run that is not accepted is no hit. */
  readonly accept?: (run: string) => boolean;
}

const WORD = charset("A-Za-z0-9");
const WORD_BAR = charset("A-Za-z0-9_");
const WORD_DASH = charset("A-Za-z0-9_-");
const WORD_DASH_DOT = charset("A-Za-z0-9_.-");
const BASE64 = charset("A-Za-z0-9+/");
const TOKEN68 = charset("A-Za-z0-9._~+/-");

const CREDENTIALS: readonly Credential[] = [
  { kind: "aws_access_key_id", head: /A[KS]IA[A-Z0-9]{16}/g, body: charset("A-Z0-9") },
  {
    kind: "aws_secret_access_key",
    head: /(secret[ _-]?(?:access[ _-]?)?key[\s"'\\:=>]{1,64})[A-Z0-9+/]{40}/gi,
    body: BASE64,
    padding: 2,
  },
  { kind: "google_api_key", head: /AIza[A-Za-z0-9_-]{35}/g, body: WORD_DASH },
  {
    kind: "azure_account_key",
    head: /((?:account|sharedaccess)[ _-]?key[\s"'\\:=>]{1,64})[A-Z0-9+/]{40}/gi,
    body: BASE64,
    padding: 2,
  },
  // After a header's name any token counts; after the bare word only one that no prose would hold.
  {
    kind: "bearer_token",
    head: /(authorization[\s"'\\:=>]{1,64}bearer[ \t]{1,8})[A-Z0-9._~+/-]/gi,
    body: TOKEN68,
    padding: 2,
  },
  {
    kind: "bearer_token",
    head: /(bearer[ \t]{1,8})[A-Z0-9._~+/-]{16}/gi,
    body: TOKEN68,
    padding: 2,
    accept: looksMade,
  },
  { kind: "jwt", head: /eyJ[A-Za-z0-9_-]{8}/g, body: WORD_DASH_DOT, accept: hasThreeParts },
  { kind: "github_token", head: /gh[oprsu]_[A-Za-z0-9]{36}/g, body: WORD },
  { kind: "github_token", head: /github_pat_[A-Za-z0-9_]{22}/g, body: WORD_BAR },
  { kind: "slack_token", head: /xox[a-z]-[A-Za-z0-9-]{10}/g, body: WORD_DASH },
  { kind: "gitlab_token", head: /glpat-[A-Za-z0-9_-]{20}/g, body: WORD_DASH_DOT },
  { kind: "npm_token", head: /npm_[A-Za-z0-9]{36}/g, body: WORD },
  { kind: "stripe_key", head: /[rs]k_live_[A-Za-z0-9]{16}/g, body: WORD },
];

/** Private keys, cloud keys, bearer tokens and the tokens of code hosts, chat and payment. */
export const SECRETS: DetectorSet = {
  clues: [
    /PRIVATE KEY|A[KS]IA|AIza|eyJ|gh[oprsu]_|github_pat_|xox[a-z]-|glpat-|npm_|[rs]k_live_/,
    /bearer|secret[ _-]?(?:access[ _-]?)?key|(?:account|sharedaccess)[ _-]?key/i,
  ],
  names: /(?:authorization|secret[ _-]?(?:access[ _-]?)?key|(?:account|sharedaccess)[ _-]?key)$/i,
  bytewise: true,
  find(text, report) {
    findPrivateKeys(text, report);
    for (const credential of CREDENTIALS) findCredentials(credential, text, report);
  },
};

const KEY_BEGIN = /-----? ?BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)? ?-{4,5}/g;
const KEY_END = /-----? ?END [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)? ?-{4,5}/g;

/** PEM, OpenSSH, SSH2 and PGP blocks. One whose end is missing reaches to the end of the text. */
function findPrivateKeys(text: string, report: (hit: Hit) => void): void {
  let from = 0;
  while (from < text.length) {
    KEY_BEGIN.lastIndex = from;
    const begin = KEY_BEGIN.exec(text);
    if (begin === null) return;
    KEY_END.lastIndex = begin.index + begin[0].length;
    const end = KEY_END.exec(text) === null ? text.length : KEY_END.lastIndex;
    report({ kind: "private_key", start: begin.index, end });
    from = end;
  }
}

function findCredentials(credential: Credential, text: string, report: (hit: Hit) => void): void {
  const { kind, head, body, padding = 0, accept } = credential;
  let walked = 0;
  head.lastIndex = 0;
  for (let found = head.exec(text); found !== null; found = head.exec(text)) {
    const start = found.index + (found[1]?.length ?? 0);
    const inside = head.lastIndex;
    // Not past the run: what ends it may begin the next credential.
    head.lastIndex = Math.max(start, found.index + 1);
    // Inside a run that was judged already: it is covered, or was no hit from further left either.
    if (inside <= walked) continue;
    walked = runEnd(text, inside, body);
    if (accept?.(text.slice(start, walked)) === false) continue;
    report({ kind, start, end: walked + paddingAfter(text, walked, padding) });
  }
}

function paddingAfter(text: string, from: number, most: number): number {
  let count = 0;
  while (count < most && text[from + count] === "=") count += 1;
  return count;
}

/** False for the words of prose, such as `authentication-scheme`: no digit, and no capital after a small letter. */
function looksMade(run: string): boolean {
  return /[0-9]|[a-z][A-Z]/.test(run);
}

/** JWS compact form has two dots, JWE four (RFC 7515, RFC 7516). */
function hasThreeParts(run: string): boolean {
  const first = run.indexOf(".");
  return first !== -1 && run.includes(".", first + 1);
}
