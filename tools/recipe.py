"""Run an experiment with a recipe's parameters: `python -m tools.recipe [name] [arguments of dvc exp run]`.

A recipe, recipes/<name>.yaml, is a tree as in params.yaml, in which `profiles.${profile}` is the selected profile's. It
starts dvc itself because a shell would part the values at their spaces. Without a name it lists the recipes.
"""

import os
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

RECIPES = Path("recipes")


def main(name: str = "", *arguments: str) -> None:
    if not name:
        print("\n".join(f"{path.stem:12} {what_it_is(path)}" for path in sorted(RECIPES.glob("*.yaml"))))
        return
    path = RECIPES / f"{name}.yaml"
    if not path.exists():
        known = ", ".join(sorted(path.stem for path in RECIPES.glob("*.yaml")))
        raise SystemExit(f"recipe {name}: got no {path}, wanted one of {known}")
    command = ["dvc", "exp", "run", *settings(path, YAML(typ="safe").load(Path("params.yaml"))), *arguments]
    os.execvp(command[0], command)


def what_it_is(path: Path) -> str:
    return path.read_text().partition("\n")[0].lstrip("# ")


def settings(path: Path, params: dict[str, Any]) -> list[str]:
    """The recipe as `-S key=value`, each key checked against the parameters."""
    found: list[str] = []
    for path_in_recipe, value in leaves(YAML(typ="safe").load(path)):
        keys = [params["profile"] if key == "${profile}" else key for key in path_in_recipe]
        if not is_known(params, keys):
            raise SystemExit(f"{path}: got the key {'.'.join(keys)}, wanted one of params.yaml")
        found += ["-S", f"{'.'.join(keys)}={written(value)}"]
    return found


def leaves(tree: dict[str, Any], *above: str) -> Iterator[tuple[tuple[str, ...], Any]]:
    for key, value in tree.items():
        if isinstance(value, dict):
            yield from leaves(value, *above, key)
        else:
            yield (*above, key), value


def is_known(params: Any, keys: Iterable[str]) -> bool:
    for key in keys:
        if not isinstance(params, dict) or key not in params:
            return False
        params = params[key]
    return not isinstance(params, dict)


def written(value: Any) -> str:
    """A value in Hydra's grammar, by which dvc reads it."""
    if isinstance(value, str):
        return "'" + value.replace("'", r"\'") + "'"
    return "null" if value is None else str(value).lower()


if __name__ == "__main__":
    main(*sys.argv[1:])
