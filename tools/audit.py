"""Look for known holes in what is installed, and list the parts (an SBOM in CycloneDX's JSON) in out/sbom.json.

pip-audit is asked when it is installed and reaches its database. Else it is said so, and every package is held to its
pinned version and the lock file to having a hash for each: what is installed is then at least what was reviewed.
"""

import json
import re
import subprocess
import sys
import uuid
from importlib.metadata import PackageNotFoundError, distribution
from importlib.util import find_spec
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
LOCK = ROOT / "requirements.lock"
_PIN = re.compile(
    r"^([A-Za-z0-9][A-Za-z0-9._-]*)(?:\[[^\]]*\])?==([^\s;\\]+)([^\\\n]*)((?:\\\n\s+--hash=sha256:[0-9a-f]{64}\s*)*)",
    re.MULTILINE,
)


def pins(text: str) -> dict[str, tuple[str, str, list[str]]]:
    """Return version, marker and hashes of each package of a lock file."""
    found = {}
    for name, version, marker, hashes in _PIN.findall(text):
        found[name.lower().replace("_", "-")] = (version, marker, re.findall(r"sha256:([0-9a-f]{64})", hashes))
    return found


def held_to(pinned: dict[str, tuple[str, str, list[str]]]) -> list[str]:
    """Return what is not as the lock file says."""
    wrong = [f"{name}: no hash is pinned" for name, (_, _, hashes) in pinned.items() if not hashes]
    for name, (version, marker, _) in pinned.items():
        try:
            installed = distribution(name).version
        except PackageNotFoundError:
            if not marker.strip(" ;"):
                wrong.append(f"{name}: {version} is pinned, none is installed")
            continue
        if installed != version and not marker.strip(" ;"):
            wrong.append(f"{name}: {version} is pinned, {installed} is installed")
    return wrong


def sbom(pinned: dict[str, tuple[str, str, list[str]]]) -> dict[str, object]:
    """Return the parts in CycloneDX's form; licences as the packages name them."""
    parts = []
    for name, (version, _, hashes) in sorted(pinned.items()):
        part: dict[str, object] = {
            "type": "library",
            "name": name,
            "version": version,
            "purl": f"pkg:pypi/{name}@{version}",
            "hashes": [{"alg": "SHA-256", "content": h} for h in hashes],
        }
        try:
            facts: Any = distribution(name).metadata
            licence = facts.get("License-Expression") or facts.get("License")
        except PackageNotFoundError:
            licence = None
        if licence and len(licence) < 100:
            part["licenses"] = [{"license": {"name": licence}}]
        parts.append(part)
    serial = uuid.uuid5(uuid.NAMESPACE_URL, json.dumps(parts, sort_keys=True))
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{serial}",
        "version": 1,
        "components": parts,
    }


def main() -> int:
    """Write the parts, look for holes, return 1 when something is found."""
    pinned = pins(LOCK.read_text())
    out = ROOT / "out" / "sbom.json"
    out.parent.mkdir(exist_ok=True)
    out.write_text(json.dumps(sbom(pinned), indent=1))
    sys.stdout.write(f"{out.relative_to(ROOT)}: {len(pinned)} parts\n")
    if find_spec("pip_audit") is not None:
        asked = [
            sys.executable,
            "-m",
            "pip_audit",
            "--require-hashes",
            "-r",
            str(LOCK),
            "--disable-pip",
            "--progress-spinner",
            "off",
        ]
        found = subprocess.run(asked, check=False, capture_output=True, text=True)  # noqa: S603
        if found.returncode == 0 or "vulnerabilit" in found.stdout + found.stderr:
            sys.stdout.write(found.stdout + found.stderr)
            return found.returncode
        sys.stdout.write("pip-audit does not reach its database; ")
    else:
        sys.stdout.write("pip-audit is not installed; ")
    wrong = held_to(pinned)
    sys.stdout.write("held to pins and hashes instead: " + ("all as pinned\n" if not wrong else "\n"))
    sys.stdout.writelines(f"  {line}\n" for line in wrong)
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main())
