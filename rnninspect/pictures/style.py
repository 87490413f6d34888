"""The colours and fonts of pictures, light and dark, as one style sheet below the class `rc`.

`on` is the colour of texts on those of functions. Every text has a contrast of 4.5 to its ground and every wire of 3,
and the two colours of functions differ for whoever does not see red, green or blue; what a colour says, a word or a
place says too.
"""

from __future__ import annotations

from collections.abc import Mapping

LIGHT: Mapping[str, str] = {
    "ink": "#1c2127",
    "on": "#1c2127",
    "grey": "#5d6875",
    "paper": "#ffffff",
    "frame": "#f6f7f9",
    "edge": "#c9ced6",
    "box": "#ffffff",
    "wire": "#4a5563",
    "old": "#b4470b",
    "x": "#0063a6",
    "sigmoid": "#cfe3f5",
    "tanh": "#fbe0b5",
    "other": "#d9d9d9",
}
DARK: Mapping[str, str] = {
    "ink": "#e6e8eb",
    "on": "#ffffff",
    "grey": "#9aa4b0",
    "paper": "#12161c",
    "frame": "#1b2027",
    "edge": "#3a424d",
    "box": "#12161c",
    "wire": "#aeb7c2",
    "old": "#e59a6a",
    "x": "#5fb3f0",
    "sigmoid": "#2b6ca8",
    "tanh": "#a8660f",
    "other": "#5b6573",
}
_RULES = """
.rc{color-scheme:light dark}
.rc text{fill:var(--ink);font:13px system-ui,-apple-system,"Segoe UI",Roboto,"DejaVu Sans",sans-serif}
.rc text.on{fill:var(--on)}
.rc .n{font:italic 15px Georgia,"Times New Roman","DejaVu Serif",serif}
.rc .i,.rc .p{font-size:11px}
.rc .s{fill:var(--grey);font:11px ui-monospace,SFMono-Regular,Menlo,Consolas,"DejaVu Sans Mono",monospace}
.rc .o{fill:var(--grey);font-size:12px}
.rc .paper{fill:var(--paper)}
.rc .frame{fill:var(--frame);stroke:var(--edge)}
.rc .box{fill:var(--box);stroke:var(--wire);stroke-width:1.2}
.rc .sigmoid{fill:var(--sigmoid)}
.rc .tanh{fill:var(--tanh)}
.rc .other{fill:var(--other)}
.rc .wire{fill:none;stroke-width:1.6;stroke-linecap:round}
.rc .halo{fill:none;stroke:var(--frame);stroke-width:6}
.rc .wire.old{stroke:var(--old)}
.rc .wire.x{stroke:var(--x)}
.rc .wire.new{stroke:var(--wire)}
.rc .fill.old{fill:var(--old)}
.rc .fill.x{fill:var(--x)}
.rc .fill.new{fill:var(--wire)}
.rc .ink{fill:var(--ink)}
.rc .sign{fill:none;stroke:var(--ink);stroke-width:1.5}
"""


def style_sheet() -> str:
    """The rules of all pictures, which a page has once and a file of its own has inside."""
    dark = f"@media (prefers-color-scheme:dark){{.rc{{{_properties(DARK)}}}}}"
    light = f".rc{{{_properties(LIGHT)}}}"
    return f"\n{light}\n{dark}\n@media print{{{light}}}{_RULES}"


def _properties(colours: Mapping[str, str]) -> str:
    return ";".join(f"--{name}:{value}" for name, value in colours.items())
