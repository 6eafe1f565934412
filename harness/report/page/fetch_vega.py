"""``python -m harness.report.page.fetch_vega``: renews the chart libraries that a page carries.

With versions (``fetch_vega 6.4.0 6.4.3``) these, otherwise the newest. It takes the minified builds
and the licences from the npm registry, with the command ``npm``; look at a page afterwards.
"""

from __future__ import annotations

import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

FOLDER = Path(__file__).with_name("vega")
PACKAGES = ("vega", "vega-lite")
VERSIONS = "VERSIONS"


def main(versions: list[str]) -> None:
    """Replace the files of both packages, each whole or not at all."""
    if versions and len(versions) != len(PACKAGES):
        raise SystemExit(f"give a version for each of {' and '.join(PACKAGES)}, or none")
    found = {}
    with tempfile.TemporaryDirectory() as scratch:
        for package, version in zip(PACKAGES, versions or ["latest"] * len(PACKAGES), strict=True):
            packed = subprocess.run(
                ["npm", "pack", "--silent", f"{package}@{version}"],
                cwd=scratch,
                check=True,
                capture_output=True,
                text=True,
            )
            name = packed.stdout.strip()
            with tarfile.open(Path(scratch) / name) as archive:
                archive.extractall(Path(scratch) / package, filter="data")
            inside = Path(scratch) / package / "package"
            for source, target in (
                (inside / "build" / f"{package}.min.js", f"{package}.min.js"),
                (inside / "LICENSE", f"LICENSE-{package}"),
            ):
                (FOLDER / target).write_bytes(source.read_bytes())
            found[package] = name.removeprefix(f"{package}-").removesuffix(".tgz")
    lines = [f"{package} {version}\n" for package, version in found.items()]
    (FOLDER / VERSIONS).write_text("".join(lines), encoding="utf-8")
    print("".join(lines), end="")


if __name__ == "__main__":
    main(sys.argv[1:])
