"""Many experiments as one study, studies/<name>.yaml: `python -m tools.study run|report <name>`."""

import argparse

from tools.study.study import read_study


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tools.study", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    running = commands.add_parser("run", help="say what the study takes, and run what is not done")
    running.add_argument("name", help="of studies/<name>.yaml")
    running.add_argument("--dry-run", action="store_true", help="only say what it takes")
    running.add_argument("--jobs", type=positive, default=1, help="experiments at once")
    report = commands.add_parser("report", help="write studies/<name>/report.html and report.md")
    report.add_argument("name", help="of studies/<name>.yaml")
    options = parser.parse_args()
    study = read_study(options.name)
    match options.command:
        case "run":
            from tools.study.run import run  # a report needs none of what this imports

            try:
                run(study, options.jobs, options.dry_run)
            except KeyboardInterrupt:
                raise SystemExit("stopped; the same command goes on with what is not done") from None
        case "report":
            from tools.study.report import write_report

            write_report(study)


def positive(text: str) -> int:
    if not text.isdecimal() or not int(text):
        raise argparse.ArgumentTypeError(f"got {text}, wanted 1 or more")
    return int(text)


if __name__ == "__main__":
    main()
