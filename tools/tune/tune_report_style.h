// How tuning reports look: a style sheet without anything from elsewhere, for light and dark screens and for
// paper.
#pragma once

#include <string_view>

namespace tern::tools {

inline constexpr std::string_view report_style = R"(
:root {
  color-scheme: light dark;
  --page: #fbfbfa; --card: #ffffff; --ink: #1c1f24; --soft: #687079; --rule: #e3e5e8; --accent: #c2410c;
  --dot: #2563eb; --lookup: #c77700; --tile: #0d9488; --addsub: #9333ea; --madd: #64748b;
}
@media (prefers-color-scheme: dark) {
  :root {
    --page: #14161a; --card: #1b1e24; --ink: #e6e8eb; --soft: #98a1ab; --rule: #2e333b; --accent: #fb923c;
    --dot: #6ea8fe; --lookup: #fbbf24; --tile: #2dd4bf; --addsub: #c792ff; --madd: #a3adba;
  }
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--page); color: var(--ink);
  font: 15px/1.5 system-ui, -apple-system, "Segoe UI", "Noto Sans", "DejaVu Sans", sans-serif; }
main { max-width: 880px; margin: 0 auto; padding: 36px 24px 64px; }
h1 { font-size: 27px; line-height: 1.2; margin: 0 0 4px; letter-spacing: -0.01em; }
h2 { font-size: 20px; margin: 44px 0 8px; padding-top: 18px; border-top: 1px solid var(--rule); }
h3 { font-size: 16px; margin: 28px 0 4px; }
p { margin: 6px 0 10px; }
.soft, figcaption, dt { color: var(--soft); }
code, .number { font-variant-numeric: tabular-nums; }
code { font: 12.5px/1.45 ui-monospace, "DejaVu Sans Mono", monospace; overflow-wrap: anywhere; }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(180px, 1fr)); gap: 12px; margin: 22px 0; }
.tiles div { background: var(--card); border: 1px solid var(--rule); border-radius: 10px; padding: 12px 14px; }
.tiles b { display: block; font-size: 22px; line-height: 1.25; font-weight: 650; }
.tiles span { color: var(--soft); font-size: 13px; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-size: 14px; margin: 10px 0; }
th { text-align: left; font-weight: 600; color: var(--soft); font-size: 12.5px; }
th, td { padding: 5px 12px 5px 0; border-bottom: 1px solid var(--rule); vertical-align: top; }
th.number, td.number { text-align: right; white-space: nowrap; }
tr.first td { border-top: 1px solid var(--soft); }
td.shape { white-space: nowrap; font-weight: 600; }
.bar { display: block; height: 4px; border-radius: 2px; background: var(--rule); margin-top: 3px; min-width: 64px; }
.bar i { display: block; height: 100%; border-radius: 2px; background: var(--accent); }
figure { margin: 14px 0; background: var(--card); border: 1px solid var(--rule); border-radius: 10px; padding: 12px; }
figcaption { font-size: 13px; margin: 0 0 6px; }
.pair { display: grid; grid-template-columns: repeat(auto-fit, minmax(320px, 1fr)); gap: 14px; }
.pair figure { margin: 0; }
.key { display: flex; flex-wrap: wrap; gap: 4px 18px; font-size: 13px; margin: 10px 0; padding: 0; list-style: none; }
.key svg { width: 16px; height: 16px; display: inline-block; vertical-align: -3px; margin-right: 5px; }
details { margin: 10px 0; }
summary { cursor: pointer; color: var(--soft); font-size: 14px; }
footer { margin-top: 48px; padding-top: 14px; border-top: 1px solid var(--rule); color: var(--soft); font-size: 13px; }
svg { display: block; width: 100%; height: auto; overflow: visible; }
svg text { font-size: 11px; fill: var(--soft); font-variant-numeric: tabular-nums; }
svg .axis-title { fill: var(--ink); }
.grid { stroke: var(--rule); stroke-width: 1; }
.axis { stroke: var(--soft); stroke-width: 1; }
.reference { stroke: var(--soft); stroke-width: 1; stroke-dasharray: 4 3; }
.roof { stroke: var(--accent); stroke-width: 2; }
.noise { fill: var(--soft); opacity: 0.14; }
.p { stroke: var(--card); stroke-width: 0.8; fill: var(--soft); }
.p:hover { stroke: var(--ink); stroke-width: 2; }
.error { stroke-width: 1.2; opacity: 0.6; }
.winner { fill: none; stroke: var(--accent); stroke-width: 2; pointer-events: none; }
.faint { opacity: 0.4; }
.round { opacity: 0.55; }
.p.dot { fill: var(--dot); } .error.dot { stroke: var(--dot); }
.p.lookup { fill: var(--lookup); } .error.lookup { stroke: var(--lookup); }
.p.tile { fill: var(--tile); } .error.tile { stroke: var(--tile); }
.p.addsub { fill: var(--addsub); } .error.addsub { stroke: var(--addsub); }
.p.madd { fill: var(--madd); } .error.madd { stroke: var(--madd); }
@media print { body { font-size: 12px; } figure, .tiles div { break-inside: avoid; } main { max-width: none; } }
)";

}  // namespace tern::tools
