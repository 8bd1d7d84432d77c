"""How policies write down their state: a JSON object of short texts, so that a large cache is written and read in milliseconds."""

import json
from collections.abc import Iterable, Mapping


def write_state(policy: str, **parts: str) -> str:
    """The parts, under the name of the policy that they are of."""
    return json.dumps({"policy": policy, **parts})


def read_state(text: str, policy: str) -> Mapping[str, str]:
    """The parts. Raises ValueError when they are of another policy, or damaged."""
    content = json.loads(text)
    if not isinstance(content, dict) or content.pop("policy", None) != policy:
        raise ValueError(f"no state of the policy {policy}")
    if not all(isinstance(part, str) for part in content.values()):
        raise ValueError("a damaged state")
    return content


def write_ids(ids: Iterable[int]) -> str:
    """Object ids, in order."""
    return " ".join(map(str, ids))


def read_ids(text: str) -> list[int]:
    """The counterpart of `write_ids`. Raises ValueError."""
    return [int(word) for word in text.split()]
