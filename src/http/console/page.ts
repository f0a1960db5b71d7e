import type { Identity } from "../identity.js";
import { answer, type Problem, TITLES } from "../problem.js";
import { type Markup, markup, type Value } from "./markup.js";

/** A page of the console, before it is sent. */
export interface Page {
  readonly title: string;
  /** Leads from the page to where the console begins: `""`, `"../"`. Links are relative, since a handler may be mounted below a path. */
  readonly root: Root;
  readonly status?: number;
  /** Who looks; null where nobody is known. */
  readonly identity: Identity | null;
  /** Where the page is told of changes, from the root; absent where it is not. */
  readonly events?: string;
  readonly main: Value;
  readonly headers?: Readonly<Record<string, string>>;
}

/** From a page to where the console begins. */
export type Root = "" | "../";

/** The way from a page of this path. */
export function rootOf(path: string): Root {
  return path.lastIndexOf("/") === 0 ? "" : "../";
}

/** Nothing but what this very service sends takes part in a page, and nothing stands in it that could run. */
const POLICY = [
  "default-src 'none'",
  ...["script-src", "style-src", "connect-src", "img-src"].map((kind) => `${kind} 'self'`),
  ...["base-uri", "form-action", "frame-ancestors"].map((kind) => `${kind} 'none'`),
].join("; ");

/** The answer that shows a page. */
export function pageAnswer(page: Page): Response {
  const { status = 200, headers = {} } = page;
  return answer(status, "text/html; charset=utf-8", String(documentOf(page)), {
    "content-security-policy": POLICY,
    "cross-origin-opener-policy": "same-origin",
    ...headers,
  });
}

function documentOf({ title, root, identity, events, main }: Page): Markup {
  return markup`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${title} - dispatch-gate</title>
<link rel="stylesheet" href="${root}console.css">
<script src="${root}console.js" defer></script>
</head>
<body ${events === undefined ? null : markup`data-events="${root}${events}"`}>
<a class="skip" href="#main">Skip to content</a>
<header>
<nav aria-label="Console"><a class="home" href="${root === "" ? "./" : root}">dispatch-gate</a></nav>
${identity === null ? null : markup`<p class="who">${identity.id}${events === undefined ? null : markup` <span id="live"></span>`}</p>`}
</header>
${identity?.assurance === "none" ? unauthenticated(identity) : null}
<main id="main" tabindex="-1">
<p id="told" role="status" tabindex="-1"></p>
${main}
</main>
</body>
</html>
`;
}

function unauthenticated({ id }: Identity): Markup {
  return markup`<aside class="warning" aria-label="Warning">Votes are not authenticated here: whoever reaches this page votes as
<b>${id}</b>, and the record says so (<code>assurance: none</code>).</aside>`;
}

/** The page that tells a problem. */
export function problemPage({ status, code, detail, help, headers = {} }: Problem, root: Root): Response {
  return pageAnswer({
    ...{ status, root, headers, identity: null, title: TITLES[status] },
    main: markup`<h1>${TITLES[status]}</h1>
<p>${sentence(detail)}</p>
${help === undefined ? null : markup`<p>${sentence(help)}</p>`}
<p><code>${code}</code></p>`,
  });
}

/** A line of ours, which begins in lower case and has no full stop, as a page has it. */
function sentence(line: string): string {
  return `${line.charAt(0).toUpperCase()}${line.slice(1)}.`;
}
