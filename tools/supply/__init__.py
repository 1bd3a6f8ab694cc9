"""The supply chain: licences of dependencies, known vulnerabilities, bills of materials, releases.

licences.py     licences of installed packages against licences.toml
__main__.py     scripts/audit
release.py      scripts/release
"""
