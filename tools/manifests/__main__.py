"""The command ``scripts/manifests``: writes what of ``deploy/`` follows from the rest, or checks it."""

import argparse
import shutil
import sys
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

from services.contracts import load_contracts
from services.errors import ExpectedError, UsageError
from tools.manifests.chart_files import chart_files, digest, plain_files, superfluous
from tools.manifests.helm import is_installed, render
from tools.manifests.kustomize import plain_manifests
from tools.manifests.objects import BASE, COMPONENTS, FOLDER

ROOT = Path(__file__).parents[2]
DIGEST = FOLDER / "chart.sha256"

EPILOG = """\
deploy/helm/fraud-detection/files   topics of schemas/contracts.toml, alarms and dashboards of deploy/
deploy/kustomize                    the same, and the chart, as plain manifests

Helm is needed only where templates or values of the chart changed, which a digest tells; --check
renders them where there is one.

exit codes: 0 done, or all is up to date; 1 something is out of date; 2 wrong usage, or helm is missing
"""


def main(arguments: Sequence[str] | None = None, root: Path = ROOT) -> int:
    """Run the command; return its exit code."""
    parser = argparse.ArgumentParser(
        prog="manifests",
        description="Write the files of deploy/ that follow from the rest of the repository.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--check", action="store_true", help="change nothing, and say what is out of date")
    options = parser.parse_args(arguments)
    try:
        stale = differences(root)
        if options.check:
            for path in stale:
                print(f"manifests: {path} is out of date: run scripts/manifests", file=sys.stderr)
            return 1 if stale else 0
        write(root)
    except ExpectedError as error:
        print(f"manifests: {error}", file=sys.stderr)
        return error.exit_code
    print(f"manifests: {len(stale)} files were out of date" if stale else "manifests: everything was up to date")
    return 0


def differences(root: Path) -> list[Path]:
    """Return the files that are out of date; without helm a digest stands for what is rendered."""
    files = chart_files(root, load_contracts(root / "schemas" / "contracts.toml"))
    expected = files | plain_files(root, files)
    if _content(root / DIGEST) != digest(root) + "\n":
        expected[DIGEST] = digest(root) + "\n"
    elif is_installed():
        expected |= plain_manifests(partial(render, root))
    return superfluous(root, files) + [path for path, text in expected.items() if _content(root / path) != text]


def write(root: Path) -> None:
    """Write every file that follows from others.

    Raises:
        UsageError: The chart changed, and there is no helm to render it.
    """
    files = chart_files(root, load_contracts(root / "schemas" / "contracts.toml"))
    for path in superfluous(root, files):
        (root / path).unlink()
    _write(root, files)
    if is_installed():
        rendered = plain_manifests(partial(render, root))
        for folder in (BASE, COMPONENTS):
            shutil.rmtree(root / folder, ignore_errors=True)
        _write(root, rendered | {DIGEST: digest(root) + "\n"})
    _write(root, plain_files(root, files))
    if _content(root / DIGEST) != digest(root) + "\n":
        raise UsageError(
            "the chart changed, so its plain manifests have to be rendered: expected helm 3.14 or later on the PATH "
            "(with Go: go install helm.sh/helm/v4/cmd/helm@v4.3.1)"
        )


def _write(root: Path, files: Mapping[Path, str]) -> None:
    for path, content in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(content, encoding="utf-8")


def _content(path: Path) -> str | None:
    return path.read_text(encoding="utf-8") if path.is_file() else None


if __name__ == "__main__":
    sys.exit(main())
