/** How the console looks. Colours are named once, for light and for dark. */
export const STYLE = `:root {
  color-scheme: light dark;
  --page: #f7f7f5; --sheet: #fff; --ink: #1d1f23; --faint: #5b616b; --line: #dcdcd7; --link: #0b57a4;
  --good: #17693a; --bad: #a12622; --wait: #7a5200; --warn: #fdf3d8; --focus: #0b57a4; --on: #fff;
}
@media (prefers-color-scheme: dark) {
  :root {
    --page: #16181c; --sheet: #1e2126; --ink: #e7e7e4; --faint: #a4abb6; --line: #363a42; --link: #8fc1f5;
    --good: #7fd3a0; --bad: #f3a19b; --wait: #e6c06d; --warn: #3a311a; --focus: #8fc1f5; --on: #16181c;
  }
}
* { box-sizing: border-box; }
body {
  margin: 0; background: var(--page); color: var(--ink);
  font: 1rem/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif;
}
header, main { max-width: 64rem; margin: 0 auto; padding: 0 1.25rem; }
header { display: flex; justify-content: space-between; align-items: baseline; gap: 1rem; padding-top: 1rem; padding-bottom: 1rem; }
main { padding-bottom: 4rem; }
.home { font-weight: 650; text-decoration: none; }
.who { margin: 0; color: var(--faint); text-align: right; overflow-wrap: anywhere; }
#live { margin-left: .8rem; }
.warning { width: calc(100% - 2.5rem); max-width: 61.5rem; margin: 0 auto; padding: .6rem 1rem; background: var(--warn); border-left: .3rem solid var(--wait); overflow-wrap: anywhere; }
h1 { margin: .6rem 0 1rem; font-size: 1.6rem; line-height: 1.25; font-weight: 650; overflow-wrap: anywhere; }
h2 { margin: 2rem 0 .6rem; font-size: 1.1rem; font-weight: 650; }
a { color: var(--link); text-underline-offset: .15em; }
a:hover { text-decoration-thickness: .14em; }
:focus-visible { outline: .18rem solid var(--focus); outline-offset: .15rem; border-radius: .15rem; }
main:focus, h1:focus { outline: none; }
.skip { position: absolute; left: -999rem; padding: .5rem 1rem; background: var(--sheet); }
.skip:focus { left: .5rem; top: .5rem; }
#told { min-height: 1.55rem; margin: 0; font-weight: 600; overflow-wrap: anywhere; }
.faint, .count, .why { color: var(--faint); }
.why { display: block; font-weight: 400; }
.wide { overflow-x: auto; background: var(--sheet); border: 1px solid var(--line); border-radius: .5rem; }
table { width: 100%; border-collapse: collapse; }
th, td { padding: .65rem .9rem; text-align: left; vertical-align: top; font-weight: 400; overflow-wrap: anywhere; }
thead th { color: var(--faint); font-size: .875rem; white-space: nowrap; border-bottom: 1px solid var(--line); }
tbody tr + tr > * { border-top: 1px solid var(--line); }
tbody th { min-width: 12rem; }
tbody th a { font-weight: 600; }
td { min-width: 5rem; }
.state::before { content: ""; display: inline-block; width: .55em; height: .55em; margin-right: .45em; border-radius: 50%; background: currentColor; }
.state { color: var(--faint); font-weight: 600; white-space: nowrap; }
.state.pending { color: var(--wait); }
.state.approved, .state.consumed { color: var(--good); }
.state.rejected, .state.revoked { color: var(--bad); }
dl { margin: 0; padding: .3rem .9rem; background: var(--sheet); border: 1px solid var(--line); border-radius: .5rem; }
dl > div { display: flex; gap: 1rem; padding: .3rem 0; }
dl > div + div { border-top: 1px solid var(--line); }
dt { flex: 0 0 7rem; color: var(--faint); }
dd { margin: 0; min-width: 0; overflow-wrap: anywhere; }
pre { margin: 0; padding: 1rem; font: .875rem/1.5 ui-monospace, "SF Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace; }
code { font-family: ui-monospace, "SF Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace; font-size: .9em; }
ul.progress, ul.votes, ul.tenants { margin: 0; padding: 0; list-style: none; }
ul.progress li, ul.votes li { padding: .25rem 0; overflow-wrap: anywhere; }
ul.tenants { display: flex; flex-wrap: wrap; gap: .3rem 1.2rem; }
[aria-current] { color: var(--ink); font-weight: 600; text-decoration: none; }
progress { appearance: none; width: 8rem; height: .6rem; margin-right: .5rem; border: 0; border-radius: .3rem; background: var(--line); overflow: hidden; }
progress::-webkit-progress-bar { background: var(--line); }
progress::-webkit-progress-value { background: var(--good); }
progress::-moz-progress-bar { background: var(--good); }
q { display: block; margin-top: .2rem; padding-left: .8rem; border-left: .2rem solid var(--line); quotes: none; }
label { display: block; margin-bottom: .3rem; }
textarea { width: 100%; padding: .6rem; font: inherit; color: inherit; background: var(--sheet); border: 1px solid var(--faint); border-radius: .35rem; }
.buttons { display: flex; gap: .8rem; }
button { padding: .55rem 1.3rem; font: inherit; font-weight: 600; color: var(--on); background: var(--good); border: 1px solid var(--good); border-radius: .35rem; cursor: pointer; }
button.reject { color: var(--bad); background: var(--sheet); border-color: var(--bad); }
button:disabled { color: var(--faint); background: var(--page); border-color: var(--line); cursor: default; }
ol.timeline { margin: 0; padding: 0; list-style: none; background: var(--sheet); border: 1px solid var(--line); border-radius: .5rem; }
ol.timeline li { padding: .6rem .9rem; overflow-wrap: anywhere; }
ol.timeline li + li { border-top: 1px solid var(--line); }
ol.timeline svg { display: block; width: 100%; height: .7rem; margin-top: .3rem; }
svg .track { fill: var(--line); }
svg .since { fill: var(--faint); }
svg .at { fill: var(--link); }
.when { color: var(--faint); font-size: .875rem; }
.what { font-weight: 600; }
@media (max-width: 40rem) { dl > div { display: block; } }
`;
