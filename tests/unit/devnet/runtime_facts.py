"""What metadata says, in a form that two runtimes can be compared in: names, indices and full shapes of types."""

import hashlib
import json
from typing import Any

from scalecodec.base import RuntimeConfigurationObject, ScaleBytes
from scalecodec.type_registry import load_type_registry_preset

Facts = dict[str, dict[str, dict[str, str]]]
"""Pallet -> kind (calls, events, ...) -> name -> index and shape."""

# Compared by name alone: the enums of everything, of which the devnet has a part, and the generated list of eras.
_OPAQUE = {"RuntimeCall", "RuntimeEvent", "Era"}


def decode_metadata(metadata_hex: str) -> dict[str, Any]:
    config = RuntimeConfigurationObject(ss58_format=126)
    config.update_type_registry(load_type_registry_preset("core"))
    decoder = config.create_scale_object("MetadataVersioned", data=ScaleBytes(metadata_hex))
    decoder.decode()
    assert decoder.data.get_remaining_length() == 0
    value: dict[str, Any] = decoder.value[1]["V14"]
    return value


class _Shapes:
    def __init__(self, metadata: dict[str, Any]) -> None:
        self.types = {item["id"]: item["type"] for item in metadata["types"]["types"]}
        self.known: dict[int, str] = {}

    def of(self, number: int) -> str:
        if number not in self.known:
            self.known[number] = self._render(number)
        return self.known[number]

    def fields(self, fields: list[dict[str, Any]]) -> str:
        return ",".join(f"{field['name'] or ''}:{self.of(field['type'])}" for field in fields)

    def _render(self, number: int) -> str:
        described = self.types[number]
        path = "::".join(described["path"])
        if path.split("::")[-1] in _OPAQUE:
            return path
        ((kind, content),) = described["def"].items()
        match kind:
            case "primitive":
                return str(content)
            case "compact" | "sequence":
                return f"{kind}<{self.of(content['type'])}>"
            case "array":
                return f"[{self.of(content['type'])};{content['len']}]"
            case "tuple":
                return f"({','.join(self.of(item) for item in content)})"
            case "composite":
                return f"{path}{{{self.fields(content['fields'])}}}"
            case "variant":
                cases = sorted(content["variants"], key=lambda case: case["index"])
                body = "|".join(f"{case['index']}{case['name']}({self.fields(case['fields'])})" for case in cases)
                return f"{path}<{body}>"
        raise AssertionError(kind)


def facts_of(metadata: dict[str, Any]) -> Facts:
    shapes = _Shapes(metadata)
    facts: Facts = {"extrinsic": {"": {"extensions": "", "version": str(metadata["extrinsic"]["version"])}}}
    facts["extrinsic"][""]["extensions"] = ";".join(
        f"{item['identifier']}={shapes.of(item['ty'])}+{shapes.of(item['additional_signed'])}"
        for item in metadata["extrinsic"]["signed_extensions"]
    )
    for pallet in metadata["pallets"]:
        kinds: dict[str, dict[str, str]] = {"pallet": {"index": str(pallet["index"])}}
        storage = pallet["storage"] or {"prefix": None, "entries": []}
        kinds["pallet"]["prefix"] = str(storage["prefix"])
        kinds["storage"] = {
            entry["name"]: f"{entry['modifier']} {_entry(shapes, entry['type'])} = {_hex(entry['default'])}"
            for entry in storage["entries"]
        }
        kinds["constants"] = {
            constant["name"]: f"{shapes.of(constant['type'])} {_hex(constant['value'])}"
            for constant in pallet["constants"]
            # Mainnet's version lists more runtime interfaces.
            if constant["name"] != "Version"
        }
        for kind, key in (("calls", "calls"), ("events", "event"), ("errors", "error")):
            kinds[kind] = {}
            if pallet[key] is None:
                continue
            described = shapes.types[pallet[key]["ty"]]
            kinds["pallet"][f"{kind} path"] = "::".join(described["path"])
            for case in described["def"]["variant"]["variants"]:
                kinds[kind][case["name"]] = f"{case['index']} {shapes.fields(case['fields'])}"
        facts[pallet["name"]] = kinds
    return facts


def _hex(text: str) -> str:
    """The decoder shows bytes as text where they happen to be UTF-8."""
    return text if text.startswith("0x") else "0x" + text.encode().hex()


def _entry(shapes: _Shapes, described: dict[str, Any]) -> str:
    ((kind, content),) = described.items()
    if kind == "Plain":
        return shapes.of(content)
    return f"{content['hashers']} {shapes.of(content['key'])} -> {shapes.of(content['value'])}"


def covered(facts: Facts, by: Facts) -> Facts:
    """The part of the facts that the other has too, by name."""
    return {
        pallet: {
            kind: {name: fact for name, fact in names.items() if name in by[pallet].get(kind, {})}
            for kind, names in kinds.items()
        }
        for pallet, kinds in facts.items()
        if pallet in by
    }


def digests(facts: Facts) -> Facts:
    """The facts with long shapes shortened to index and digest, for keeping beside the tests."""
    return {
        pallet: {kind: {name: _shortened(fact) for name, fact in names.items()} for kind, names in kinds.items()}
        for pallet, kinds in facts.items()
    }


def _shortened(fact: str) -> str:
    if len(fact) <= 40:
        return fact
    return f"{fact.partition(' ')[0][:24]}#{hashlib.blake2b(fact.encode(), digest_size=6).hexdigest()}"


def dumped(facts: Facts) -> str:
    return json.dumps(facts, indent=1, sort_keys=True)
