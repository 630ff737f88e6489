"""Every plot of dvc.yaml with two revisions in it, as a PNG."""

import json
from pathlib import Path

import vl_convert

from tools.review.dvc import dvc


def draw(revision: str, folder: Path) -> list[Path]:
    found = json.loads(dvc("plots", "diff", "--json", revision, "workspace"))
    paths = []
    for name, renderings in sorted(found["data"].items()):
        for rendering in renderings:
            content = rendering.get("content")
            if content:
                path = folder / f"{Path(name.split('::')[-1]).stem.replace(' ', '-')}.png"
                path.write_bytes(vl_convert.vegalite_to_png(content, scale=2))
                paths.append(path)
    return paths
