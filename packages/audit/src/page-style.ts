/** One palette, light and dark; a step has one colour in the picture and in the table. */
export const lightPalette = `--ground: #fbfbf9; --card: #ffffff; --ink: #1d2326; --quiet: #667078; --line: #e2e4e1; --lane: #f1f3f0;
  --good: #1f7a4d; --bad: #b3261e; --alarm: #c2410c; --move: #1d5fb8; --heal: #0f766e; --hold: #7c5c00; --plain: #5b6770;`;
export const darkPalette = `--ground: #14181a; --card: #1b2023; --ink: #e6eaec; --quiet: #98a3aa; --line: #2c3337; --lane: #20262a;
    --good: #5cc795; --bad: #ff8a80; --alarm: #ff9a5c; --move: #7db3ff; --heal: #5fd0c3; --hold: #e3b94b; --plain: #a3afb7;`;

export const pageStyle = `:root {
  ${lightPalette}
}
@media (prefers-color-scheme: dark) {
  :root {
    ${darkPalette}
  }
}
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 1060px; padding: 40px 24px; background: var(--ground); color: var(--ink);
  font: 15px/1.55 ui-sans-serif, system-ui, "Segoe UI", Roboto, "Helvetica Neue", sans-serif; }
h1 { margin: 0; font-size: 30px; line-height: 1.2; letter-spacing: -0.01em; text-wrap: balance; }
h2 { margin: 0 0 12px; font-size: 17px; }
p { margin: 8px 0; }
code { font: 13px ui-monospace, "SF Mono", Menlo, Consolas, monospace; }
.eyebrow { margin: 0 0 6px; color: var(--quiet); font-size: 12px; letter-spacing: 0.08em; text-transform: uppercase; }
.lead { max-width: 68ch; font-size: 17px; }
.meta { display: flex; flex-wrap: wrap; gap: 6px 20px; align-items: center; color: var(--quiet); }
.meta b { color: var(--ink); }
.badge { padding: 2px 12px; border: 1px solid currentColor; border-radius: 99px; font-weight: 600; }
.good { color: var(--good); }
.bad { color: var(--bad); }
section { margin: 24px 0; padding: 20px 24px; background: var(--card); border: 1px solid var(--line); border-radius: 12px; }
table { width: 100%; border-collapse: collapse; font-variant-numeric: tabular-nums; }
th { padding: 4px 10px; color: var(--quiet); font-size: 12px; font-weight: 500; text-align: left; }
td { padding: 7px 10px; border-top: 1px solid var(--line); vertical-align: top; overflow-wrap: anywhere; }
.number { text-align: right; white-space: nowrap; }
.step { white-space: nowrap; }
.share { width: 22%; vertical-align: middle; }
.share span { display: block; height: 8px; min-width: 2px; border-radius: 4px; background: currentColor; }
.share.none span { display: none; }
figure { margin: 12px 0 16px; overflow-x: auto; }
svg { display: block; width: 100%; min-width: 640px; height: auto; font: 12px ui-sans-serif, system-ui, sans-serif; }
.lane { fill: var(--lane); }
.lane-name { fill: var(--ink); font-weight: 600; }
.span { stroke: var(--quiet); stroke-width: 2; stroke-linecap: round; opacity: 0.5; }
.tick { stroke: var(--line); stroke-width: 1; }
.tick-name { fill: var(--quiet); text-anchor: middle; }
.mark circle { fill: var(--plain); }
.mark text { fill: var(--card); font-size: 11px; font-weight: 700; text-anchor: middle; }
.dot { display: inline-block; width: 9px; height: 9px; margin-right: 8px; border-radius: 50%; background: var(--plain); }
.mark.detect circle { fill: var(--alarm); } .dot.detect { background: var(--alarm); }
.mark.refuse circle { fill: var(--bad); } .dot.refuse { background: var(--bad); }
.mark.abort circle { fill: var(--bad); } .dot.abort { background: var(--bad); }
.mark.divert circle { fill: var(--move); } .dot.divert { background: var(--move); }
.mark.promote circle { fill: var(--move); } .dot.promote { background: var(--move); }
.mark.restore circle { fill: var(--heal); } .dot.restore { background: var(--heal); }
.mark.reload circle { fill: var(--heal); } .dot.reload { background: var(--heal); }
.mark.restart circle { fill: var(--heal); } .dot.restart { background: var(--heal); }
.mark.hold circle { fill: var(--hold); } .dot.hold { background: var(--hold); }
.mark.verify circle { fill: var(--good); } .dot.verify { background: var(--good); }
.mark.close circle { fill: var(--good); } .dot.close { background: var(--good); }
summary { color: var(--quiet); cursor: pointer; }
summary h2 { display: inline; margin-right: 10px; color: var(--ink); }
details table { margin-top: 12px; font-size: 13px; }
footer { color: var(--quiet); font-size: 13px; }
@media print { body { padding: 0; } section { break-inside: avoid; } }
`;
