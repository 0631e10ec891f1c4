/**
 * The style sheet of the page. Colours are named once, for light and for dark; text has a contrast of at least 4.5 to its
 * ground in both, lines and bars of at least 3. The series colours keep apart for the common kinds of colour blindness.
 */
const LIGHT = `--ground:#fff;--card:#fff;--sunk:#f4f6f8;--ink:#15191f;--soft:#535d6a;--rule:#dfe4ea;--grid:#e9edf1;--link:#0b5cad;
--t0:#1f6fc4;--t1:#c8500f;--t2:#12805c;--t3:#8a3fb0;--t4:#b0145c;--t5:#8a6a00;--t6:#0c7b8f;--t7:#5a6675;
--reference:#8c97a5;--reference-fill:#c9d0d9;--green:#12724c;--green-soft:#e0f3ea;--red:#b3261e;--red-soft:#fce8e6;--amber:#9a5b00;--warn:#d98a12;--now:#0c7b8f;--heat:#5a6f8c;--shadow:0 1px 2px #10182810`;
const DARK = `--ground:#0e1217;--card:#151a21;--sunk:#1a2029;--ink:#e8ecf1;--soft:#a0acba;--rule:#2b333e;--grid:#232a34;--link:#7cb8f5;
--t0:#5aa7f2;--t1:#f28b4b;--t2:#44c08f;--t3:#c58ae6;--t4:#f0729f;--t5:#d9b23c;--t6:#4fc1d4;--t7:#9aa7b6;
--reference:#8894a3;--reference-fill:#414b58;--green:#5fd09c;--green-soft:#14342a;--red:#ff8a80;--red-soft:#3d1c1c;--amber:#e9a94a;--warn:#e9a94a;--now:#4fc1d4;--heat:#94a9c6;--shadow:none`;

const PAGE = `*{box-sizing:border-box}
html{-webkit-text-size-adjust:100%;scroll-padding-top:56px}
@media(prefers-reduced-motion:no-preference){html{scroll-behavior:smooth}}
body{margin:0;background:var(--ground);color:var(--ink);font:15px/1.55 Inter,system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif;font-variant-numeric:tabular-nums}
code{font:.92em/1.5 ui-monospace,"SF Mono",SFMono-Regular,Menlo,Consolas,"DejaVu Sans Mono",monospace}
main,header,footer{max-width:1144px;margin:0 auto;padding:0 24px}
header{padding-top:44px;padding-bottom:20px}
h1{font-size:clamp(26px,4.2vw,40px);line-height:1.12;letter-spacing:-.025em;font-weight:680;margin:0 0 10px;overflow-wrap:anywhere;text-wrap:balance}
.lead{font-size:18px;line-height:1.5;color:var(--soft);margin:0 0 14px;max-width:66ch}
.facts{display:flex;flex-wrap:wrap;gap:2px 20px;margin:0;padding:0;list-style:none;color:var(--soft);font-size:13.5px}
nav{position:sticky;top:0;z-index:2;background:color-mix(in srgb,var(--ground) 92%,transparent);backdrop-filter:blur(8px);border-block:1px solid var(--rule)}
nav>div{max-width:1144px;margin:0 auto;padding:0 24px;display:flex;align-items:center;gap:16px}
nav ul{display:flex;gap:22px;list-style:none;margin:0;padding:0;overflow-x:auto;flex:1;scrollbar-width:none}
nav a{display:block;padding:11px 0;color:var(--soft);text-decoration:none;font-size:14px;white-space:nowrap}
nav a:hover{color:var(--ink)}
a:focus-visible,button:focus-visible,summary:focus-visible,.scroll:focus-visible{outline:2px solid var(--link);outline-offset:2px;border-radius:3px}
#theme{font:inherit;font-size:13px;color:var(--soft);background:none;border:1px solid var(--rule);border-radius:6px;padding:3px 10px;cursor:pointer;white-space:nowrap}
#theme:hover{color:var(--ink);border-color:var(--soft)}
main>section{padding:40px 0 4px}
h2{font-size:25px;line-height:1.2;letter-spacing:-.018em;font-weight:660;margin:0 0 16px}
h2+.about{color:var(--soft);margin:-10px 0 18px;max-width:70ch}
main>section>h3{font-size:17px;letter-spacing:-.008em;font-weight:640;margin:34px 0 12px}
h4{margin:0 0 10px;font-size:15px}
.story{max-width:70ch;font-size:16px}.story p{margin:0 0 12px;overflow-wrap:anywhere}
.empty{color:var(--soft);background:var(--sunk);border-radius:8px;padding:12px 16px;margin:0 0 8px;font-size:14px}
.short{white-space:nowrap}.name{overflow-wrap:break-word}li .name,p .name,h3 .name{overflow-wrap:anywhere}
.tiles{display:grid;grid-template-columns:repeat(auto-fill,minmax(200px,1fr));margin:0;background:var(--card);border:1px solid var(--rule);border-radius:10px;overflow:hidden}
.tile{padding:16px 18px 14px;margin:0 -1px -1px 0;border:solid var(--rule);border-width:0 1px 1px 0}
.tile dt{font-size:13px;color:var(--soft)}.tile dd{margin:2px 0 0}
.tile b{display:block;font-size:27px;line-height:1.25;font-weight:620;letter-spacing:-.02em;white-space:nowrap}
.tile span{display:block;font-size:12.5px;line-height:1.4;color:var(--soft);margin-top:2px}
.tile.green span{color:var(--green)}.tile.red b,.tile.red span{color:var(--red)}.tile.amber b{color:var(--amber)}
.cards{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(320px,100%),1fr));gap:16px;margin-top:16px}
.pair{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(440px,100%),1fr));gap:16px}
.card{margin:0;border:1px solid var(--rule);border-radius:10px;background:var(--card);padding:14px 16px 12px;min-width:0;box-shadow:var(--shadow)}
.card.across{margin-bottom:16px}
figcaption h3{font-size:14.5px;font-weight:620;margin:0;overflow-wrap:anywhere}
.note{font-size:12.5px;line-height:1.45;color:var(--soft);margin:1px 0 6px}
.legend{display:flex;flex-wrap:wrap;gap:2px 16px;list-style:none;margin:4px 0 6px;padding:0;font-size:12.5px;color:var(--soft);overflow-wrap:anywhere}
.legend li{display:flex;align-items:center;gap:6px}
.key{display:inline-block;flex:none;width:16px;height:0;border-top:2.5px solid var(--c);vertical-align:middle}
.key.dash{border-top:2px dashed var(--c)}.key.block{width:11px;height:11px;border:0;background:var(--k,var(--c));border-radius:2.5px}
td .key.block,th .key.block{margin-right:8px}
svg{display:block;width:100%;height:auto;overflow:visible}
svg text{font-family:inherit;font-variant-numeric:tabular-nums}
.narrow{display:none}
details.behind{margin-top:8px;font-size:13px}details.more{margin-top:14px}
summary{cursor:pointer;color:var(--soft);width:fit-content;font-size:12.5px}summary:hover{color:var(--ink)}
details.more>summary{font-size:14px}
.scroll{overflow-x:auto}
table{border-collapse:collapse;width:100%;font-size:14px}
caption{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%)}
th,td{padding:7px 20px 7px 0;text-align:left;vertical-align:top;border-bottom:1px solid var(--grid)}
th:last-child,td:last-child{padding-right:0}
thead th{font-size:12.5px;font-weight:520;color:var(--soft);border-bottom-color:var(--rule);vertical-align:bottom}
tbody th{font-weight:500}tbody tr:last-child>*{border-bottom:0}
.number{text-align:right;white-space:nowrap}.number+.text{padding-left:18px}
td small{display:block;color:var(--soft);font-size:12px}
td.plot,th.plot{width:42%;min-width:70px}td.plot{vertical-align:middle}
.card td.plot{width:36%}
.behind table{font-size:12.5px}.behind .scroll{max-height:340px;overflow:auto;margin-top:6px}.behind th,.behind td{padding:4px 14px 4px 0;white-space:nowrap}
.card table{font-size:13.5px}.card th,.card td{padding:5px 14px 5px 0}
ul.plain{list-style:none;margin:0;padding:0;font-size:13px}
.bar{height:10px;border-radius:2px}.rail{fill:var(--sunk)}.fill{fill:var(--c)}
.waterfall tbody th{white-space:nowrap}.waterfall td.plot{width:52%}.waterfall th,.waterfall td{padding-block:4.5px}
.badge{display:inline-block;font-size:12px;line-height:1.5;padding:0 8px;border-radius:99px;background:var(--sunk);color:var(--soft);white-space:nowrap;font-weight:540}
.badge.good{background:var(--green-soft);color:var(--green)}.badge.bad{background:var(--red-soft);color:var(--red)}
.badge.good::before{content:"✓ "}.badge.bad::before{content:"✗ "}
.commands{margin:0;display:grid;gap:1px;background:var(--rule);border:1px solid var(--rule);border-radius:10px;overflow:hidden}
.commands div{display:grid;grid-template-columns:minmax(0,1.25fr) minmax(0,1fr);gap:4px 24px;padding:10px 16px;background:var(--card);align-items:baseline}
.commands dt{overflow-wrap:anywhere}.commands dt code::before{content:"$ ";color:var(--soft);user-select:none}.commands dd{margin:0;color:var(--soft);font-size:14px}
footer{margin-top:48px;padding-top:18px;padding-bottom:40px;color:var(--soft);font-size:13px}
#tip{position:fixed;z-index:9;pointer-events:none;background:var(--ink);color:var(--ground);font-size:12.5px;line-height:1.45;padding:6px 10px;border-radius:6px;white-space:pre-line;max-width:320px;overflow-wrap:anywhere;box-shadow:0 4px 16px #0004}`;

const TONES = `${[0, 1, 2, 3, 4, 5, 6, 7].map((index) => `.t${index}{--c:var(--t${index})}`).join('')}
.reference{--c:var(--reference);--k:var(--reference-fill)}.current{--c:var(--now)}.plain{--c:var(--soft)}.red{--c:var(--red)}.amber{--c:var(--amber)}
li.red{--k:color-mix(in srgb,var(--red) 22%,var(--card))}
.heat-low{--c:color-mix(in srgb,var(--heat) 14%,var(--card))}.heat-high{--c:color-mix(in srgb,var(--heat) 72%,var(--card))}.heat-over{--c:var(--warn)}.heat-far{--c:var(--red)}`;

const PLOTS = `.gridline{stroke:var(--grid);fill:none;shape-rendering:crispEdges}
.axis{stroke:var(--reference);fill:none;shape-rendering:crispEdges}
.tick{font-size:11px;fill:var(--soft)}.axis-label{font-size:11px;fill:var(--soft)}
.line{fill:none;stroke:var(--c);stroke-width:1.8;stroke-linejoin:round;stroke-linecap:round}.line.dash{stroke-dasharray:5 4}
.band{fill:var(--c);fill-opacity:.16;stroke:none}.whisker{stroke:var(--c);stroke-opacity:.5;stroke-width:4}
.dot{fill:var(--c);stroke:var(--card);stroke-width:1}.dot.flagged{fill:var(--red)}
.hit{fill:#000;fill-opacity:0;stroke:none}
.level{stroke:var(--c);stroke-width:1.3;stroke-dasharray:4 4;fill:none;opacity:.85}
.threshold{stroke:var(--red);stroke-width:1.2;stroke-dasharray:3 3;fill:none}
.alert-span{fill:var(--red);fill-opacity:.08}.alert-mark{stroke:var(--red);stroke-width:1.2}.alert-flag{fill:var(--red)}
.diagonal{stroke:var(--reference);stroke-dasharray:3 4;fill:none}
.reference-bar{fill:var(--reference-fill)}.current-bar{fill:var(--now)}.current-wash{fill:var(--now);fill-opacity:.13}.current-line{fill:none;stroke:var(--now);stroke-width:1.6;stroke-linejoin:round}
${[0, 1, 2, 3, 4, 5].map((level) => `.h${level}{fill:var(--heat);fill-opacity:${[0.07, 0.15, 0.26, 0.4, 0.55, 0.72][level]}}`).join('')}
.h-none{fill:var(--sunk)}.h-over{fill:var(--warn)}.h-far{fill:var(--red)}
.box{fill:var(--card);stroke:var(--rule);stroke-width:1.2}.edge-mark{fill:var(--c)}.node-kind{font-size:10.5px;fill:var(--soft)}.node-label{font-size:12.5px;font-weight:600;fill:var(--ink)}.node-detail{font-size:11px;fill:var(--soft)}
.edge{fill:none;stroke:var(--reference);stroke-width:1.3}.arrowhead{fill:var(--reference)}`;

const PHONE = `@media(max-width:640px){main,header,footer,nav>div{padding-left:16px;padding-right:16px}header{padding-top:28px}.lead{font-size:16.5px}.wide{display:none}.narrow{display:block}.minor{display:none}
.tiles{grid-template-columns:repeat(2,minmax(0,1fr))}.tile{padding:12px 14px}.tile b{font-size:22px}
.card{padding:12px 12px 10px}.commands div{grid-template-columns:1fr}main>section{padding-top:30px}th,td{padding-right:12px}table{font-size:13.5px}
.waterfall tbody th{white-space:normal;width:44%}.waterfall td.plot{width:36%}}`;

const PRINT = `@page{margin:14mm}@media print{nav,#tip,details.behind{display:none}body{font-size:11pt}.card,.tile,tr,figure{break-inside:avoid}h2,h3{break-after:avoid}.scroll{overflow:visible}.graph>div{width:100%!important}main,header,footer{padding-left:0;padding-right:0;max-width:none}*{print-color-adjust:exact;-webkit-print-color-adjust:exact}}`;

/** The whole style sheet. Dark is taken from the reader's system, or from the switch; paper is always light. */
export const PAGE_STYLE = [
  `:root{color-scheme:light dark;${LIGHT}}`,
  `@media screen and (prefers-color-scheme:dark){:root:not([data-theme=light]){color-scheme:dark;${DARK}}}`,
  `@media screen{:root[data-theme=dark]{color-scheme:dark;${DARK}}:root[data-theme=light]{color-scheme:light}}`,
  ...[PAGE, TONES, PLOTS, PHONE, PRINT],
].join('\n');
