"""Which first-party files a stage executes: the import closure of the module after `-m`.

dvc.yaml names a folder where the stage runs all of its files. `python -m tests.architecture.closure` writes it.
"""

import ast
import re
from itertools import groupby
from pathlib import Path
from textwrap import fill

from ruamel.yaml import YAML

ROOT = Path(__file__).parents[2]
WIDTH = 140  # characters of a line of dvc.yaml
# a stage there: its command, and right below it what it reads
DEPS = re.compile(r"(cmd: exec python -m (?P<module>\S+).*\n    deps: )(?P<deps>\[[^]]*\])")


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


def folded(files: set[str]) -> list[str]:
    """The files, less those of folders that are among them whole, and these folders."""
    folders = {
        parent for file in files for parent in Path(file).parents if len(parent.parts) > 1 and contents(parent) <= files
    }
    outermost = {folder for folder in folders if folder.parent not in folders}
    rest = {file for file in files if not folders & set(Path(file).parents)}
    return sorted({folder.as_posix() for folder in outermost} | rest)


def unfolded(listed: set[str]) -> set[str]:
    """The files that dvc.yaml lists, those of its folders one by one."""
    return set().union(*(contents(Path(name)) if (ROOT / name).is_dir() else {name} for name in listed))


def contents(folder: Path) -> set[str]:
    """All files of a folder that DVC would see change, but for empty ones."""
    found = (path for path in (ROOT / folder).rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    return {path.relative_to(ROOT).as_posix() for path in found if path.stat().st_size}


def with_closure(stage: re.Match[str]) -> str:
    """A stage's command and deps in dvc.yaml -> the same with the code that it executes now."""
    others = [dep for dep in YAML(typ="safe").load(stage["deps"]) if not dep.startswith("stages/")]
    return stage[1] + laid_out([*others, *folded(closure(stage["module"]))])


def laid_out(deps: list[str]) -> str:
    """A flow list with data and code each on lines of their own."""
    texts = [f"'{dep}'" if "{" in dep else dep for dep in deps]
    indent = " " * len("    deps: [")
    lines = [
        fill(", ".join(group), WIDTH - 1, initial_indent=indent, subsequent_indent=indent, break_on_hyphens=False)
        for _, group in groupby(texts, lambda text: text.startswith("stages/"))
    ]
    return "[" + ",\n".join(lines).strip() + "]"


def main() -> None:
    path = ROOT / "dvc.yaml"
    path.write_text(DEPS.sub(with_closure, path.read_text()))


if __name__ == "__main__":
    main()
