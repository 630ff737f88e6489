"""Write the digests of the laptop models into params.yaml, as `make laptop` ends."""

from pathlib import Path

from ruamel.yaml import YAML
from stages.models.local import digest


def main() -> None:
    yaml, path = YAML(), Path("params.yaml")
    yaml.width = 4096  # never fold a line
    yaml.preserve_quotes = True
    document = yaml.load(path)
    profile = document["profiles"]["laptop"]
    for model in (profile["teacher"], profile["student-8b"]["base"], profile["student-70b"]["base"]):
        model["revision"] = digest(Path(model["model"]))
    yaml.dump(document, path)


if __name__ == "__main__":
    main()
