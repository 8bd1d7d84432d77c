"""The npm packages are pinned by content, and by no registry's address."""

import json
from pathlib import Path

_LOCK = Path(__file__).parent / "package-lock.json"


def test_the_lock_file_names_digests_and_no_hosts() -> None:
    packages = json.loads(_LOCK.read_text())["packages"]
    assert [path for path, entry in packages.items() if path and "integrity" not in entry] == []
    assert [path for path, entry in packages.items() if "resolved" in entry] == []
    assert "http" not in _LOCK.read_text()
