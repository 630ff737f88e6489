"""Which first-party files a stage executes: the import closure of the module after `-m`.

dvc.yaml names a folder where the stage runs all of its files. `python -m tests.architecture.closure` writes it.
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


def main() -> None:
    yaml, path = YAML(), ROOT / "dvc.yaml"
    yaml.width = 200
    yaml.indent(mapping=2, sequence=4, offset=2)
    document = yaml.load(path)
    for stage in document["stages"].values():
        module = stage["cmd"].split()[3]
        stage["deps"] = [dep for dep in stage["deps"] if not dep.startswith("stages/")] + folded(closure(module))
    yaml.dump(document, path)


if __name__ == "__main__":
    main()
