"""A package index in a directory, of small wheels that are made on the spot (PEP 427, PEP 503, PEP 592)."""

import base64
import hashlib
import zipfile
from pathlib import Path


class PackageIndex:
    """A package index for pip: ``index.url``.

    Args:
        directory: The directory to make it in.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.files: dict[str, dict[str, str]] = {}

    @property
    def url(self) -> str:
        return self.directory.as_uri()

    def add(self, name: str, version: str, *requires: str, extras: tuple[str, ...] = (), yanked: bool = False) -> str:
        """Publishes a release that needs others; returns its entry in a lock."""
        folder = self.directory / name
        folder.mkdir(parents=True, exist_ok=True)
        wheel = folder / f"{name}-{version}-py3-none-any.whl"
        metadata = ["Metadata-Version: 2.1", f"Name: {name}", f"Version: {version}"]
        metadata += [f"Provides-Extra: {extra}" for extra in extras] + [f"Requires-Dist: {line}" for line in requires]
        files = {
            f"{name}.py": f"version = {version!r}\n",
            f"{name}-{version}.dist-info/METADATA": "\n".join(metadata) + "\n",
            f"{name}-{version}.dist-info/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        }
        record = f"{name}-{version}.dist-info/RECORD"
        with zipfile.ZipFile(wheel, "w") as archive:
            for path, content in files.items():
                archive.writestr(path, content)
            lines = [f"{path},{_record_sum(content)},{len(content)}" for path, content in files.items()]
            archive.writestr(record, "\n".join([*lines, f"{record},,", ""]))
        digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
        mark = ' data-yanked="broken"' if yanked else ""
        self.files.setdefault(name, {})[version] = f'<a href="{wheel.name}#sha256={digest}"{mark}>{wheel.name}</a><br>'
        self._write(name)
        return f"{name}=={version} --hash=sha256:{digest}"

    def withdraw(self, name: str, version: str) -> None:
        """Removes a release, as if it had never been there."""
        del self.files[name][version]
        self._write(name)

    def _write(self, name: str) -> None:
        page = "\n".join(self.files[name].values())
        (self.directory / name / "index.html").write_text(f"<!DOCTYPE html><html><body>\n{page}\n</body></html>\n")


def _record_sum(content: str) -> str:
    digest = hashlib.sha256(content.encode()).digest()
    return f"sha256={base64.urlsafe_b64encode(digest).rstrip(b'=').decode()}"
