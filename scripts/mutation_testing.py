"""Mutation testing: change the code of `edge_agent/sas` in one place, and see whether a test notices.

mutmut makes the mutants; `mutation_session` asks tests/sas and tests/sas_connections about them. The stories
of whole conversations are left out: they take minutes, and what they alone would notice should be told by a
test of its own. Mutants that did their work while the tables were made are asked about here, each in a
process of its own. Run by `scripts/mutation`:

    0  at least SHARE of the mutants were killed
    1  fewer
    2  the tests fail without any mutant, or mutmut does

With --resume it goes on where it was interrupted, with the code and the tests as they were then.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from itertools import groupby
from pathlib import Path

SHARE = 0.90
PROJECT = Path(".mutation/project")  # a copy: mutmut writes beside what it mutates
MUTANTS = PROJECT / "mutants"
VERDICTS, TO_JUDGE_ALONE = MUTANTS / "verdicts.txt", MUTANTS / "alone.txt"
# What `mutmut run` does first; it has no command that stops there.
MAKE_MUTANTS = """
from mutmut.__main__ import copy_also_copy_files, copy_src_dir, create_mutants, makedirs
makedirs("mutants")
copy_src_dir()
copy_also_copy_files()
create_mutants(2)
"""
PYTEST = (
    *("-m", "pytest", "-x", "-q", "-p", "no:randomly", "-p", "no:cacheprovider", "-o", "addopts="),
    *("--noconftest", "--import-mode=importlib", "--assert=plain", "--tb=native"),
)
SESSION = ("-p", "scripts.mutation_session")
TESTS = ("tests/sas", "tests/sas_connections", "--ignore=tests/sas_connections/test_stories.py")
# Those that notice most of what can be wrong with a table.
TABLES = tuple(f"tests/sas/test_sas_{name}.py" for name in ("tables", "effects", "vectors"))
# Tests of one mutant in a process of its own take seconds.
SECONDS = 300.0


def main() -> int:
    """Measure, print, and say by the exit status whether enough was killed."""
    if "--resume" not in sys.argv:
        copy_project()
        python("mutant_generation", PROJECT, "-c", MAKE_MUTANTS).check_returncode()
    asked = python("stats", MUTANTS, *PYTEST, *SESSION, *TESTS, seconds=None)
    if asked.returncode or python("", MUTANTS, *PYTEST, TESTS[0]).returncode:
        print(asked.stdout, asked.stderr, "the tests fail without any mutant", file=sys.stderr)
        return 2
    with ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
        alone = lines(TO_JUDGE_ALONE)
        judged = [
            f"{mutant} {verdict}" for mutant, verdict in zip(alone, pool.map(judge, alone), strict=True)
        ]
    return report(dict(tuple(line.split()) for line in [*lines(VERDICTS), *judged]))


def copy_project() -> None:
    """What git knows of, as it lies here."""
    shutil.rmtree(PROJECT, ignore_errors=True)
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, capture_output=True, text=True, check=True).stdout  # noqa: S603  our own command
    for name in filter(os.path.isfile, listed.split("\0")):
        target = PROJECT / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(name, target)


def judge(mutant: str) -> str:
    """Run the tests of the tables on one mutant, then all of tests/sas; whatever ends them has noticed."""
    try:
        noticed = any(python(mutant, MUTANTS, *PYTEST, *tests).returncode for tests in (TABLES, TESTS[:1]))
    except subprocess.TimeoutExpired:
        return "timeout"
    return "killed" if noticed else "survived"


def python(
    mutant: str, folder: Path, *arguments: str, seconds: float | None = SECONDS
) -> subprocess.CompletedProcess[str]:
    """Run Python there with this mutant alive."""
    environment = {**os.environ, "MUTANT_UNDER_TEST": mutant}
    command = [str(Path(sys.executable).absolute()), *arguments]
    return subprocess.run(  # noqa: S603  our own command
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=seconds, check=False
    )


def lines(path: Path) -> list[str]:
    """The lines of a file, which need not be there."""
    return path.read_text(encoding="utf-8").splitlines() if path.exists() else []


def module(mutant: str) -> str:
    """The module a mutant is in, as it is imported within the room."""
    return mutant.rpartition(".x")[0].removeprefix("edge_agent.sas").lstrip(".") or "__init__"


def report(found: dict[str, str]) -> int:
    """Print the survivors and a table of the modules; the exit status."""
    for name in sorted(name for name, verdict in found.items() if verdict == "survived"):
        print(f"survived: {name}")
    print("| module | mutants | killed | timeout | survived | share |\n|---|---|---|---|---|---|")
    for name, mutants in groupby(sorted(found, key=module), key=module):
        print(row(f"`{name}`", Counter(found[mutant] for mutant in mutants)))
    whole = Counter(found.values())
    print(row("**all**", whole))
    print(f"show a survivor: cd {PROJECT} && ../venv/bin/mutmut show NAME")
    return int(share(whole) < SHARE)


def share(counted: Counter[str]) -> float:
    """What part was noticed; a test that no longer ends has noticed, too."""
    return (counted["killed"] + counted["timeout"]) / (counted.total() or 1)


def row(name: str, counted: Counter[str]) -> str:
    """One line of the table."""
    figures = (counted.total(), counted["killed"], counted["timeout"], counted["survived"])
    return f"| {name} | {' | '.join(map(str, figures))} | {share(counted):.1%} |"


if __name__ == "__main__":
    sys.exit(main())
