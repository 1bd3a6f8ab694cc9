"""Fingerprints of findings, which stay the same while lines move."""

import hashlib
from collections import Counter
from collections.abc import Iterator, Sequence

from avroguard.findings import Finding


def fingerprints(findings: Sequence[Finding]) -> Iterator[str]:
    """Yield the fingerprint of each finding: of its rule, file, position in the schema and message."""
    seen: Counter[str] = Counter()
    for finding in findings:
        identity = "\0".join((finding.rule, finding.place.file, "/".join(map(str, finding.path)), finding.message))
        seen[identity] += 1
        yield hashlib.sha256(f"{identity}\0{seen[identity]}".encode()).hexdigest()[:32]
