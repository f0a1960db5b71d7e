import { CST, Lexer, Parser } from "yaml";
import { escaped, MAX_DEPTH, quoted } from "./source.js";

/** Something wrong in the text at an offset. */
export interface TextIssue {
  readonly code: string;
  readonly message: string;
  readonly help?: string;
  /** In UTF-16 code units. */
  readonly offset: number;
  /** No tree is made of text with such a thing in it. */
  readonly fatal: boolean;
}

/** More than this many problems in the text itself are not all listed: making each costs more than reading on. */
export const MAX_TEXT_ISSUES = 100;

/** The parser's stack holds the document and the scalar being read, too. The exact bound is kept when the tree is read. */
const STACK_SLACK = 4;

/** What the YAML of a policy must not use, by the kind of token that starts it. */
const REFUSED = new Map<
  string | null,
  { readonly code: string; readonly what: string; readonly help: string; readonly fatal: boolean }
>([
  [
    "directive-line",
    {
      code: "yaml_directive",
      what: "a directive",
      help: "remove the line: a policy is YAML 1.2 without directives",
      fatal: true,
    },
  ],
  ["alias", { code: "yaml_alias", what: "an alias", help: "write the value out", fatal: true }],
  [
    "anchor",
    {
      code: "yaml_anchor",
      what: "an anchor",
      help: "remove it and write the value out where it is used",
      fatal: false,
    },
  ],
  ["tag", { code: "yaml_tag", what: "a tag", help: "remove it: quote what must be a string", fatal: true }],
]);

/**
 * Reads the text token by token and stops at the first sign that going on would be unbounded: too deep, too many
 * problems. Only what passes is made into a tree, whose recursion and aliases could otherwise hang the process.
 * `tokens` is null where it stopped.
 */
export function scanYaml(text: string): {
  readonly tokens: readonly CST.Token[] | null;
  readonly issues: readonly TextIssue[];
} {
  const parser = new Parser();
  const tokens: CST.Token[] = [];
  const issues: TextIssue[] = [];
  let documents = 0;
  let offset = 0;
  // The text of a scalar comes after a mark, and may start with any character.
  let inScalar = false;

  const report = (issue: TextIssue): void => {
    issues.push(issue);
  };
  const take = (token: CST.Token): void => {
    tokens.push(token);
    if (token.type === "error")
      report({ code: "yaml_syntax", message: syntaxMessage(token.message), offset: token.offset, fatal: true });
    if (token.type === "document") {
      documents += 1;
      if (documents > 1) {
        const help = "keep one document a file";
        report({
          code: "yaml_documents",
          message: "a policy must be a single YAML document",
          help,
          offset: token.offset,
          fatal: true,
        });
      }
    }
  };

  for (const lexeme of new Lexer().lex(text)) {
    const refused = inScalar ? undefined : REFUSED.get(CST.tokenType(lexeme));
    inScalar = lexeme === CST.SCALAR;
    if (refused !== undefined) {
      const { code, what, help, fatal } = refused;
      report({ code, message: `a policy must not use ${what} (${quoted(lexeme.trim())})`, help, offset, fatal });
    }
    for (const token of parser.next(lexeme)) take(token);
    if (parser.stack.length > MAX_DEPTH + STACK_SLACK) {
      report(tooDeep(offset));
      return { tokens: null, issues };
    }
    if (issues.length >= MAX_TEXT_ISSUES || documents > 1) return { tokens: null, issues };
    if (!isMarker(lexeme)) offset += lexeme.length;
  }
  for (const token of parser.end()) take(token);
  return { tokens, issues };
}

export function tooDeep(offset: number): TextIssue {
  return { code: "yaml_too_deep", message: `a policy must not nest deeper than ${MAX_DEPTH}`, offset, fatal: true };
}

/** Words for people, on one line in lower case, from the parser's own. */
export function syntaxMessage(message: string): string {
  const line = escaped((message.split("\n")[0] as string).replace(/\.$/, "").slice(0, 200));
  return `not valid YAML: ${line.charAt(0).toLowerCase()}${line.slice(1)}`;
}

/** The lexer's own marks between lexemes: control characters, which the text itself does not hold. */
function isMarker(lexeme: string): boolean {
  return lexeme === CST.DOCUMENT || lexeme === CST.FLOW_END || lexeme === CST.SCALAR;
}
