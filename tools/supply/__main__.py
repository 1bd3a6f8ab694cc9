"""The command ``scripts/audit``."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from services.errors import ExpectedError
from tools.supply.licences import Policy, describe, licences
from tools.supply.vulnerabilities import audit, write_bill_of_materials

ROOT = Path(__file__).parents[2]
LOCK = ROOT / "requirements-services.txt"
TOOL = ROOT / ".local" / "audit-tool" / "bin"

EPILOG = """\
Licences are compared with tools/supply/licences.toml. Vulnerabilities are those that the package index knows of the
locked versions. Where it can't be asked, or does not know a version, that is reported; with --strict it is a failure.

exit codes: 0 fine; 1 a licence that is not allowed, or a known vulnerability; 2 wrong usage; 3 not looked up (--strict)
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit code."""
    parser = argparse.ArgumentParser(
        prog="audit",
        description="Check licences and known vulnerabilities of what the services need.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--licences", action="store_true", help="print the licence of each package, no more")
    parser.add_argument("--sbom", type=Path, metavar="FILE", help="write the bill of materials, as CycloneDX JSON")
    parser.add_argument("--strict", action="store_true", help="fail where vulnerabilities can't be looked up")
    options = parser.parse_args(arguments)
    found = licences(LOCK.read_text(encoding="utf-8"), Policy.load())
    refused = [each for each in found if not each.is_allowed]
    if options.licences:
        print(describe(found))
        return 1 if refused else 0
    if refused:
        print(describe(refused), file=sys.stderr)
    print(f"audit: {len(found) - len(refused)} of {len(found)} packages have an allowed licence")
    try:
        report = audit(TOOL, LOCK)
        if options.sbom:
            write_bill_of_materials(TOOL, LOCK, options.sbom)
            print(f"audit: {options.sbom} has the bill of materials")
    except ExpectedError as error:
        print(f"audit: {error}", file=sys.stderr)
        return 3 if options.strict or options.sbom else bool(refused)
    for vulnerability in report.vulnerabilities:
        print(f"audit: {vulnerability}", file=sys.stderr)
    print(f"audit: {report.audited} versions looked up, {len(report.vulnerabilities)} known vulnerabilities")
    if report.unknown:
        print(f"audit: the index says nothing about {report.unknown} versions", file=sys.stderr)
    if refused or report.vulnerabilities:
        return 1
    return 3 if report.unknown and options.strict else 0


if __name__ == "__main__":
    sys.exit(main())
