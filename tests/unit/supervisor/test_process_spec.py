import pytest

from joygrpc.supervisor import ProcessSpec, Supervisor


@pytest.mark.parametrize("target", ["", "os", "os:", ":main", "a b:main", "os:path.join", "a..b:c"])
def test_a_target_names_a_module_and_a_function(target: str) -> None:
    with pytest.raises(ValueError, match="target"):
        ProcessSpec("node", target)


def test_a_process_needs_a_name() -> None:
    with pytest.raises(ValueError, match="name"):
        ProcessSpec("", "package.module:main")


def test_names_are_unique_within_a_supervisor() -> None:
    spec = ProcessSpec("node", "package.module:main")
    with pytest.raises(ValueError, match="same name"):
        Supervisor([spec, spec])
