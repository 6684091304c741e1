#!/usr/bin/env python3
"""Builds the zip of a Gradescope autograder: its files lie at the root of the archive.

    python3 ci/gradescope/build.py fetcher --gradus target/release/gradus -o fetcher.zip

The binary must run in the platform's image (choose the Ubuntu variant that fits the machine it was built
on). Keep the deadline well below the assignment's time limit: 10 minutes unless it was changed.
"""
import argparse
import pathlib
import re
import shlex
import sys
import zipfile

HERE = pathlib.Path(__file__).resolve().parent
DATE = (2020, 1, 1, 0, 0, 0)


def main():
    options = argparse.ArgumentParser(description="Builds the zip of a Gradescope autograder.")
    options.add_argument("task", help="name of the exercise")
    options.add_argument("--gradus", required=True, type=pathlib.Path, help="the binary to put in")
    options.add_argument("--tasks", type=pathlib.Path, help="folder with task packs, instead of those in the binary")
    options.add_argument("--deadline", type=int, default=480, help="seconds for one grading [480]")
    options.add_argument("--lang", default="en", help="language of the report [en]")
    options.add_argument("--seed", type=int, help="the same seed for everybody [a fresh one each time]")
    options.add_argument("--packages", default="python3 nodejs gcc libc6-dev make", help="what setup.sh installs")
    options.add_argument("-o", "--out", type=pathlib.Path, help="the zip [TASK.zip]")
    given = options.parse_args()
    if not re.fullmatch(r"[a-z0-9-]+", given.task):
        options.error(f"{given.task} is no name of an exercise")
    if not 10 <= given.deadline <= 2340:
        options.error("the deadline is 10 to 2340 seconds: the platform ends a grading after 40 minutes at most")
    if not given.gradus.is_file():
        options.error(f"there is no {given.gradus}")

    conf = {
        "TASK": given.task,
        "DEADLINE": str(given.deadline),
        "REPORT_LANG": given.lang,
        "SEED": "" if given.seed is None else str(given.seed),
        "PACKAGES": given.packages,
    }
    text = "".join(f"{name}={shlex.quote(value)}\n" for name, value in conf.items())
    out = given.out or pathlib.Path(f"{given.task}.zip")
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        def add(name, data, mode):
            entry = zipfile.ZipInfo(name, DATE)
            entry.external_attr = (0o100000 | mode) << 16
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, data)

        for name in ("setup.sh", "run_autograder"):
            add(name, (HERE / name).read_bytes(), 0o755)
        add("gradus.conf", text.encode(), 0o644)
        add("gradus", given.gradus.read_bytes(), 0o755)
        if given.tasks:
            for path in sorted(given.tasks.rglob("*")):
                if path.is_file() and not path.is_symlink():
                    add(f"tasks/{path.relative_to(given.tasks).as_posix()}", path.read_bytes(), 0o644)
    print(out)
    return 0


if __name__ == "__main__":
    sys.exit(main())
