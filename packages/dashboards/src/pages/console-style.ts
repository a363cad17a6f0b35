/** A table as a list of cards, each cell with its column's name before it. */
const asCards = (
  table: string,
): string => `  ${table} thead { position: absolute; clip-path: inset(50%); width: 1px; height: 1px; overflow: hidden; }
  ${table}, ${table} tbody, ${table} tr, ${table} td { display: block; }
  ${table} tr { padding: 8px 0; border-top: 1px solid var(--line); }
  ${table} td:not(.number) { min-width: 0; }
  ${table} td { position: relative; min-height: 1.7em; padding: 2px 0 2px 102px; border: 0; text-align: left; white-space: normal; }
  ${table} td::before { position: absolute; left: 0; width: 92px; content: attr(data-label); color: var(--quiet); font-size: 13px; line-height: 1.7; }
  ${table} td:empty { display: none; }
`;

/** What the console adds to the style of a report: a bar, tables that fit a telephone, charts, forms. */
export const consoleStyle = `body { max-width: none; padding: 0; }
main { max-width: 1240px; margin: 0 auto; padding: 24px 24px 64px; }
main:focus { outline: none; }
a { color: var(--move); text-underline-offset: 2px; }
a:hover { text-decoration-thickness: 2px; }
:focus-visible { outline: 3px solid var(--move); outline-offset: 2px; border-radius: 4px; }
.skip { position: absolute; left: 12px; top: -60px; z-index: 2; padding: 8px 14px; background: var(--card); }
.skip:focus { top: 8px; }
section { position: relative; }
section:focus { outline: none; }
section .skip { position: absolute; left: auto; right: 20px; top: 12px; clip-path: inset(50%); }
section .skip:focus { clip-path: none; }
.quiet { color: var(--quiet); }
.alarm { color: var(--alarm); }
.move { color: var(--move); }
.badge { display: inline-block; padding: 0 9px; font-size: 13px; white-space: nowrap; }
.badge.quiet { color: var(--quiet); }
h2 .badge { margin-left: 8px; vertical-align: 1px; }
.bar { display: flex; flex-wrap: wrap; gap: 4px 20px; align-items: center; padding: 8px 24px;
  background: var(--card); border-bottom: 1px solid var(--line); }
.brand { color: var(--ink); font-size: 18px; font-weight: 700; letter-spacing: -0.01em; text-decoration: none; }
.bar nav { display: flex; flex: 1; flex-wrap: wrap; gap: 2px; }
.bar nav a { padding: 6px 12px; border-radius: 8px; color: var(--ink); text-decoration: none; }
.bar nav a:hover { background: var(--lane); }
.bar nav a[aria-current] { background: var(--lane); font-weight: 600; }
.who { display: flex; gap: 8px; align-items: center; }
button, input, select { font: inherit; color: var(--ink); }
button, .button { padding: 5px 12px; background: var(--card); border: 1px solid var(--field); border-radius: 8px; cursor: pointer; }
button:hover, .button:hover { background: var(--lane); }
.button { display: inline-block; color: var(--ink); text-decoration: none; }
input, select { width: 100%; min-width: 0; min-height: 40px; padding: 6px 9px; background: var(--ground); border: 1px solid var(--field); border-radius: 8px; }
.title { display: flex; flex-wrap: wrap; gap: 4px 20px; align-items: baseline; justify-content: space-between; }
.title p { margin: 0; }
#live-state[data-state="away"] { color: var(--alarm); }
section { margin: 18px 0; padding: 18px 20px; }
caption { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
.hidden-text { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
table.cards { font-size: 14px; }
td { overflow-wrap: anywhere; }
table.cards td:not(.number) { min-width: 6.6em; }
td code { overflow-wrap: normal; }
.button, button { overflow-wrap: normal; }
td time { white-space: nowrap; }
.empty { padding: 14px 16px; background: var(--lane); border-radius: 8px; color: var(--quiet); }
.notes { margin: 8px 0; padding: 0; list-style: none; }
.notes li { margin: 6px 0; }
details { margin-top: 12px; }
summary { padding: 2px 4px; border-radius: 4px; }
.share-bar { width: 100%; min-width: 60px; max-width: 140px; height: 5px; margin-top: 4px; border-radius: 3px; }
.rail { fill: var(--line); }
.part { fill: var(--move); }
.login { max-width: 460px; margin: 8vh auto; padding: 32px; }
.login form { display: grid; gap: 10px; margin: 20px 0; }
.login button { justify-self: start; padding: 7px 18px; background: var(--move); border-color: var(--move); color: var(--card); font-weight: 600; }
.filters { margin-top: 14px; display: grid; grid-template-columns: repeat(auto-fill, minmax(180px, 1fr)); gap: 10px 14px; align-items: end; }
.filters label { display: block; color: var(--quiet); font-size: 12px; }
.filters .act { display: flex; gap: 8px; }
.filters button { background: var(--move); border-color: var(--move); color: var(--card); font-weight: 600; }
.kinds { grid-column: 1 / -1; margin: 0; }
.kinds fieldset { display: grid; grid-template-columns: repeat(auto-fill, minmax(200px, 1fr)); gap: 4px 14px; margin: 8px 0 0; padding: 0; border: 0; }
.kinds label { display: flex; gap: 8px; align-items: center; color: var(--ink); font-size: 14px; }
.kinds input { width: auto; min-height: 0; }
.button[aria-current] { background: var(--lane); font-weight: 600; }
pre { overflow-x: auto; padding: 12px; background: var(--lane); border-radius: 8px; font: 13px ui-monospace, "SF Mono", Menlo, Consolas, monospace; white-space: pre-wrap; overflow-wrap: anywhere; }
.stats { display: flex; flex-wrap: wrap; gap: 8px 32px; margin: 0; }
.stats dt { color: var(--quiet); font-size: 12px; }
.stats dd { margin: 0; font-size: 22px; font-weight: 600; font-variant-numeric: tabular-nums; }
.pages { display: flex; flex-wrap: wrap; gap: 8px; align-items: center; margin-top: 14px; }
.facts { display: grid; grid-template-columns: max-content minmax(0, 1fr); gap: 6px 20px; margin: 0; }
.facts dt { color: var(--quiet); }
.facts dd { margin: 0; overflow-wrap: anywhere; }
.panels { margin-top: 16px; display: grid; grid-template-columns: repeat(12, minmax(0, 1fr)); gap: 14px; }
.panels section { grid-column: span 12; margin: 0; min-width: 0; }
.panels .w3 { grid-column: span 3; } .panels .w4 { grid-column: span 4; } .panels .w6 { grid-column: span 6; }
.panels .w8 { grid-column: span 8; } .panels .w9 { grid-column: span 9; }
.panels h2 { font-size: 15px; }
.figure { margin: 0; font-size: 34px; font-weight: 650; line-height: 1.1; letter-spacing: -0.02em; font-variant-numeric: tabular-nums; }
.figure .unit { color: var(--quiet); font-size: 15px; font-weight: 400; letter-spacing: 0; }
.chart { margin: 4px 0 0; }
.chart svg { min-width: 0; height: 140px; }
.chart .ends { display: flex; justify-content: space-between; gap: 12px; color: var(--quiet); font-size: 12px; }
.plot { position: relative; border-bottom: 1px solid var(--field); }
.plot .most { position: absolute; top: 0; left: 0; padding: 0 4px; background: var(--card); color: var(--quiet); font-size: 12px; }
.legend { display: flex; flex-wrap: wrap; gap: 2px 14px; margin: 8px 0 0; padding: 0; list-style: none; font-size: 13px; }
.legend svg { display: inline-block; width: 10px; min-width: 0; height: 10px; margin-right: 6px; }
.c0 { fill: var(--move); } .c1 { fill: var(--heal); } .c2 { fill: var(--alarm); } .c3 { fill: var(--hold); }
.c4 { fill: var(--bad); } .c5 { fill: var(--good); } .c6 { fill: var(--violet); } .c7 { fill: var(--plain); }
.plot a rect { stroke: transparent; stroke-width: 0; }
.plot a:hover rect { opacity: 0.75; }
.plot a:focus-visible { outline: none; }
.plot a:focus-visible .reach { fill: var(--move); fill-opacity: 0.25; }
.reach { fill: transparent; }
.ranks { width: 100%; }
.ranks td { padding: 4px 8px; border: 0; vertical-align: middle; }
.ranks .name { width: 45%; font-size: 14px; }
.ranks .share-bar { max-width: none; height: 12px; margin: 0; }
.tiles { display: grid; grid-template-columns: repeat(auto-fill, minmax(260px, 1fr)); gap: 14px; }
.tiles section { margin: 0; }
.tiles a { font-weight: 600; }
.fit { container-type: inline-size; }
@container (max-width: 1000px) {
${asCards("table.cards.wide")}}
@container (max-width: 780px) {
${asCards("table.cards")}}
@media (max-width: 900px) {

  main { padding: 16px 12px 48px; }
  .filters { grid-template-columns: repeat(auto-fill, minmax(150px, 1fr)); }
  .bar { padding: 8px 12px; }
  .brand { flex: 1; }
  .bar nav { order: 3; flex-basis: 100%; }
  .bar nav a { padding: 6px 9px; }
  section { padding: 14px; }
  h1 { font-size: 24px; }
  .facts { grid-template-columns: minmax(0, 1fr); gap: 0; }
  .facts dd { margin-bottom: 8px; }
  .filters .time, .filters .act { grid-column: 1 / -1; }
  .panels section, .panels .w3, .panels .w4, .panels .w6, .panels .w8, .panels .w9 { grid-column: span 12; }
}
`;
