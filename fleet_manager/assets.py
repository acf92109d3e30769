"""Copies the named files of the front end's packages into dashboard/static/vendor, draws the world, cuts the icons.

    python -m fleet_manager.assets

An icon is used as `<svg class="icon"><use href="{% static 'vendor/icons.svg' %}#tabler-truck"/></svg>`: every
`tabler-…` that the dashboard's files mention is taken over from the packages' sprite, and nothing else.
"""

import json
import re
import sys
from pathlib import Path

from fleet_manager.env import CHECKOUT
from fleet_manager.world_map import world_of

PACKAGES = CHECKOUT / "node_modules"
VENDOR = CHECKOUT / "dashboard" / "static" / "vendor"
SPRITE = PACKAGES / "@tabler" / "icons-sprite" / "dist" / "tabler-sprite.svg"
FILES = {
    "@tabler/core/dist/css/tabler.min.css": "tabler.min.css",
    "@tabler/core/dist/js/tabler.min.js": "tabler.min.js",
    "uplot/dist/uPlot.esm.js": "uplot.js",
    "uplot/dist/uPlot.min.css": "uplot.css",
    # MapLibre's workers run a file of their own, whose hashed name the pages tell it.
    "maplibre-gl/dist/maplibre-gl.mjs": "maplibre-gl.js",
    "maplibre-gl/dist/maplibre-gl-worker.mjs": "maplibre-gl-worker.js",
    "maplibre-gl/dist/maplibre-gl.css": "maplibre-gl.css",
}
WORLD = PACKAGES / "world-atlas" / "countries-50m.json"
FONTS = {
    "@fontsource-variable/inter/files/inter-latin-wght-normal.woff2": "inter-latin.woff2",
    "@fontsource-variable/inter/files/inter-latin-ext-wght-normal.woff2": "inter-latin-ext.woff2",
}
MENTION = re.compile(r"\btabler-([a-z0-9]+(?:-[a-z0-9]+)*)")
SYMBOL = re.compile(r'<symbol id="tabler-([a-z0-9-]+)".*?</symbol>', re.DOTALL)
SOURCE_MAP = re.compile(r"/[/*]# sourceMappingURL=\S+(?: \*/)?\s*$")


def copy_files() -> None:
    VENDOR.mkdir(parents=True, exist_ok=True)
    for source, target in FILES.items():
        # The map is not copied, and the storage that hashes names refuses a reference to a missing file.
        text = SOURCE_MAP.sub("", (PACKAGES / source).read_text())
        _write_if_changed(VENDOR / target, text)
    for source, target in FONTS.items():
        (VENDOR / target).write_bytes((PACKAGES / source).read_bytes())


def draw_world() -> None:
    world = world_of(json.loads(WORLD.read_text()))
    _write_if_changed(VENDOR / "world.json", json.dumps(world, separators=(",", ":"), ensure_ascii=False))


def cut_icons() -> None:
    wanted = mentioned_icons()
    symbols = [found.group(0) for found in SYMBOL.finditer(SPRITE.read_text()) if found.group(1) in wanted]
    _write_if_changed(
        VENDOR / "icons.svg", '<svg xmlns="http://www.w3.org/2000/svg">' + "".join(symbols) + "</svg>\n"
    )


def mentioned_icons() -> set[str]:
    sources = [
        path
        for path in (CHECKOUT / "dashboard").rglob("*")
        if path.suffix in {".html", ".py", ".js", ".svg"} and VENDOR not in path.parents
    ]
    return {name for path in sources for name in MENTION.findall(path.read_text())}


def _write_if_changed(path: Path, text: str) -> None:
    if not path.exists() or path.read_text() != text:
        path.write_text(text)


def main() -> int:
    if not SPRITE.exists() or not WORLD.exists():
        print("The front end's packages are not installed: run `make assets`.", file=sys.stderr)
        return 1
    copy_files()
    draw_world()
    cut_icons()
    return 0


if __name__ == "__main__":
    sys.exit(main())
