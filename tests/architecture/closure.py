"""Which first-party files a stage executes: the import closure of the module after `-m`.

`python -m tests.architecture.closure` writes them into dvc.yaml.
"""

import ast
from pathlib import Path

from ruamel.yaml import YAML

ROOT = Path(__file__).parents[2]


def module_file(module: str) -> Path | None:
    """The file of a first-party module, relative to the root; empty `__init__.py` files do not count."""
    path = Path(*module.split("."))
    for candidate in (path.with_suffix(".py"), path / "__main__.py"):
        if (ROOT / candidate).exists():
            return candidate
    return None


def imported(file: Path) -> set[str]:
    """Every module that the file may import, at its top or inside a function."""
    names: set[str] = set()
    for node in ast.walk(ast.parse((ROOT / file).read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return {name for name in names if name.startswith("stages.")}


def closure(module: str) -> set[str]:
    """Paths of all first-party files that running the module can execute."""
    found: set[str] = set()
    open_modules = [module]
    while open_modules:
        file = module_file(open_modules.pop())
        if file and file.as_posix() not in found and (file.name != "__main__.py" or not found):
            found.add(file.as_posix())
            open_modules += imported(file)
    return found


def main() -> None:
    yaml, path = YAML(), ROOT / "dvc.yaml"
    yaml.width = 200
    yaml.indent(mapping=2, sequence=4, offset=2)
    document = yaml.load(path)
    for stage in document["stages"].values():
        module = stage["cmd"].split()[3]
        stage["deps"] = [dep for dep in stage["deps"] if not dep.endswith(".py")] + sorted(closure(module))
    yaml.dump(document, path)


if __name__ == "__main__":
    main()
