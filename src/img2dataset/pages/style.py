"""The style of the page: light and dark, narrow screens, paper.  A live page can use it too.

Colours of shapes have a contrast of at least 3:1 with the background, texts of at least 4.5:1
(WCAG 2.2, 1.4.11 and 1.4.3).
"""

STYLE = """
:root { color-scheme: light dark;
  --page: #f6f7f9; --card: #ffffff; --ink: #1b1f24; --dim: #57606a; --rule: #d9dee4;
  --track: #e9ecf0; --link: #0b57d0; --code: #eef1f4; --warn: #8a4b00;
  --ok: #1f7a53; --main: #2f6fbf; --gone: #b3362f; --refused: #b8621b; --busy: #8a7400;
  --network: #3b62b8; --no-image: #7a4bb0; --opted-out: #4f5d6b; --filtered: #0f7f93;
  --list: #a83a86; --machine: #6d5a35; --unknown: #757575; }
@media (prefers-color-scheme: dark) { :root {
  --page: #0f1216; --card: #181c22; --ink: #e6e9ed; --dim: #a3acb7; --rule: #2e353e;
  --track: #262c34; --link: #8ab4f8; --code: #222831; --warn: #f0b35e;
  --ok: #45b886; --main: #6ea6ea; --gone: #f0736a; --refused: #e8954f; --busy: #d1b93a;
  --network: #86a7f0; --no-image: #b48ee8; --opted-out: #9aa8b7; --filtered: #44bdd1;
  --list: #e07fc1; --machine: #c4aa72; --unknown: #a0a0a0; } }
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; }
body { margin: 0; background: var(--page); color: var(--ink);
  font: 16px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "DejaVu Sans", sans-serif; }
main, header, footer { max-width: 68rem; margin: 0 auto; padding: 0 1rem; }
header { padding-top: 2rem; } footer { padding-bottom: 2rem; color: var(--dim); font-size: .875rem; }
h1 { font-size: 1.6rem; line-height: 1.25; margin: 0 0 .25rem; overflow-wrap: anywhere; }
h2 { font-size: 1.2rem; margin: 0 0 .75rem; } h3 { font-size: 1rem; margin: 0; }
p { margin: .25rem 0 .75rem; } .dim { color: var(--dim); } .small-text { font-size: .875rem; }
a { color: var(--link); } a, bdi, li, p { overflow-wrap: anywhere; }
a:focus-visible, summary:focus-visible, .scroll:focus-visible, pre:focus-visible {
  outline: 3px solid var(--link); outline-offset: 2px; border-radius: 4px; }
section { background: var(--card); border: 1px solid var(--rule); border-radius: 10px;
  padding: 1.25rem; margin: 1rem 0; }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(9.5rem, 1fr)); gap: .75rem;
  margin: 1rem 0; padding: 0; list-style: none; }
.tiles li { background: var(--card); border: 1px solid var(--rule); border-radius: 10px;
  padding: .75rem 1rem; }
.tiles b { display: block; font-size: 1.5rem; line-height: 1.2; font-variant-numeric: tabular-nums; }
.tiles span { color: var(--dim); font-size: .875rem; }
.pair { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 26rem), 1fr));
  gap: 1.5rem 2rem; }
figure.chart { margin: 0 0 1rem; min-width: 0; } figure.chart figcaption p { color: var(--dim);
  font-size: .875rem; margin-bottom: .5rem; }
svg { display: block; overflow: visible; font-size: 13px; fill: var(--ink); }
svg .small { font-size: 11px; fill: var(--dim); } svg .note { fill: var(--dim); }
svg .track { fill: var(--track); } svg .axis { stroke: var(--dim); }
svg .grid { stroke: var(--rule); }
svg .line { fill: none; stroke: var(--main); stroke-width: 2; vector-effect: non-scaling-stroke;
  stroke-linejoin: round; }
.legend { display: flex; flex-wrap: wrap; gap: .25rem 1rem; list-style: none; margin: 0 0 .5rem;
  padding: 0; font-size: .875rem; }
.swatch { display: inline-block; width: .8em; height: .8em; border-radius: 2px;
  margin-right: .4em; vertical-align: -.05em; print-color-adjust: exact; }
.scroll { overflow-x: auto; max-width: 100%; }
table { border-collapse: collapse; width: 100%; font-size: .875rem;
  font-variant-numeric: tabular-nums; }
th, td { text-align: left; padding: .4rem .75rem .4rem 0; border-top: 1px solid var(--rule);
  vertical-align: top; } thead th { border-top: 0; color: var(--dim); font-weight: 600; }
td.number, th.number { text-align: right; white-space: nowrap; }
.scroll td:last-child { min-width: 9rem; } .scroll td a, .scroll td bdi { display: inline-block; min-width: min(12rem, 40vw); } tr.this td { font-weight: 700; }
details > summary { cursor: pointer; color: var(--dim); font-size: .875rem; }
.for-readers { position: absolute; width: 1px; height: 1px; overflow: hidden;
  clip-path: inset(50%); white-space: nowrap; }
.reason { border-top: 1px solid var(--rule); padding: .75rem 0; }
.reason:first-of-type { border-top: 0; padding-top: 0; }
.reason h3 { display: flex; flex-wrap: wrap; gap: 0 .75rem; align-items: baseline; }
.reason h3 .count { color: var(--dim); font-weight: 400; font-variant-numeric: tabular-nums; }
.reason p { margin: .15rem 0; } .reason ul { margin: .25rem 0; padding-left: 1.1rem; }
.tag { border: 1px solid var(--warn); color: var(--warn); border-radius: 99px; font-size: .75rem;
  padding: 0 .5rem; font-weight: 600; }
code, pre { font-family: ui-monospace, SFMono-Regular, Menlo, "DejaVu Sans Mono", monospace;
  font-size: .875em; } code { overflow-wrap: anywhere; }
pre { background: var(--code); border-radius: 8px; padding: .75rem 1rem; margin: .5rem 0;
  white-space: pre-wrap; overflow-wrap: anywhere; }
.sheet { display: grid; grid-template-columns: repeat(auto-fill, minmax(5.2rem, 1fr)); gap: .5rem;
  list-style: none; margin: 0; padding: 0; }
.sheet li { min-width: 0; } .sheet img { display: block; width: 100%; height: 5.5rem;
  object-fit: contain; background: var(--track); border-radius: 6px; }
.sheet span { display: block; font-size: .75rem; color: var(--dim); white-space: nowrap;
  overflow: hidden; text-overflow: ellipsis; }
progress { width: 100%; height: 1rem; accent-color: var(--ok); }
button { font: inherit; font-size: .875rem; color: var(--ink); background: var(--card);
  border: 1px solid var(--dim); border-radius: 6px; padding: .3rem .75rem; cursor: pointer; }
button:focus-visible { outline: 3px solid var(--link); outline-offset: 2px; }
main > header { padding: 2rem 0 0; max-width: none; }
.over { border-left: 4px solid var(--ok); padding-left: .75rem; font-weight: 600; }
.notices { padding: 0; margin: 0; list-style: none; font-size: .875rem; }
.notices li { border-top: 1px solid var(--rule); padding: .3rem 0; }
.notices time { color: var(--dim); font-variant-numeric: tabular-nums; margin-right: .5rem; }
img.small { display: block; max-width: 4.5rem; max-height: 4.5rem; border-radius: 4px; }
.warning { border-left: 4px solid var(--warn); }
@media (max-width: 30rem) { section { padding: 1rem .85rem; }
  svg .small { font-size: 10px; } svg .odd { display: none; } }
@media print { :root { color-scheme: light; } body { background: none; font-size: 11pt; }
  section, .tiles li { border-color: #bbb; break-inside: avoid; }
  section.long { break-inside: auto; } details:not([open]) { display: none; }
  main, header, footer { max-width: none; padding: 0; } a { color: inherit; }
  * { print-color-adjust: exact; } }
"""

COLOURS = (
    "ok", "main", "gone", "refused", "busy", "network", "no-image", "opted-out", "filtered",
    "list", "machine", "unknown",
)  # fmt: skip
"""Names of the colours of shapes: `c-NAME` fills a shape, `b-NAME` a box."""


def make_style() -> str:
    """Return the style sheet, with a class for each colour."""
    fills = "".join(
        f".c-{name}{{fill:var(--{name})}}.b-{name}{{background:var(--{name})}}" for name in COLOURS
    )
    return f"{STYLE.strip()}\n{fills}"
