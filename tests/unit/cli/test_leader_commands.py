"""What commands of leads and operators do before they meet the chain."""

import json
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

import joygrpc.cli
from joygrpc.chain.port import ChainEvent
from joygrpc.cli.distributor.leader.bags import policy_of_texts
from joygrpc.cli.onchain.answers import show
from joygrpc.cli.onchain.commands import spread
from joygrpc.cli.onchain.confirmation import auto_confirmed, confirmed
from joygrpc.cli.onchain.exits import DISTRIBUTOR_EXITS, STORAGE_EXITS, CommandFailed
from joygrpc.cli.onchain.explanations import EXPLANATIONS, explained
from joygrpc.cli.onchain.key_files import key_files_of, open_files
from joygrpc.cli.onchain.transaction import field_of_event
from joygrpc.cli.root import root
from joygrpc.devnet.limits import Limits
from joygrpc.devnet.metadata.runtime import build_runtime

NOWHERE = ["-u", "ws://127.0.0.1:9"]


def invoke(*arguments: str, env: dict[str, str] | None = None) -> Result:
    return CliRunner().invoke(root, arguments, env={"ACCOUNT_URI": None, **(env or {})})


def test_options_take_several_values_in_a_row() -> None:
    many = {"-a", "--add"}
    assert list(spread(["-a", "1", "2", "-i", "x", "--add=3", "4", "--flag", "-a", "5"], many)) == [
        *("-a", "1", "-a", "2", "-i", "x", "--add=3", "--add", "4", "--flag", "-a", "5"),
    ]


@pytest.mark.parametrize("spelling", [["leader:create-bucket"], ["leader", "create-bucket"]])
def test_the_references_spelling_of_a_command(spelling: list[str]) -> None:
    result = invoke("storage", *spelling, "--help")
    assert result.exit_code == 0
    assert "--invited" in result.output


@pytest.mark.parametrize("program", ["storage_node", "joystream_distributor"])
def test_the_references_programs(
    program: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", [program, "leader:create-bucket", "--help"])
    with pytest.raises(SystemExit) as ended:
        getattr(joygrpc.cli, program)()
    assert ended.value.code == 0
    assert f"{program.replace('_', '-')} leader:create-bucket" in capsys.readouterr().out


@pytest.mark.parametrize("name", ["leader:", "leader:nothing", "nobody:create-bucket", ":create-bucket", "server:x"])
def test_an_unknown_topic_or_name_is_a_usage_error(name: str) -> None:
    assert invoke("storage", name).exit_code == 2


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["storage", "leader", "update-bag", "-i", "nonsense", "-a", "1"], 100, "Invalid bagId: nonsense"),
        (["storage", "leader", "update-bag", "-i", "static:council", "-a", "1,x"], 104, "not a list of integers"),
        (["storage", "leader", "update-bag", "-i", "static:council"], 100, "--add or --remove"),
        (["storage", "leader", "update-bags", "-i", "static:council", "-a", "1", "-r", "1"], 100, "at once"),
        (["storage", "leader", "update-blacklist"], 100, "--add or --remove"),
        (["storage", "leader", "update-blacklist", "-a", "short"], 100, "46 characters"),
        (["storage", "leader", "copy-bags", "--from", "1", "2", "--to", "2"], 100, "source and target"),
        (["storage", "leader", "copy-bags", "--from", "1", "--to", "2", "--copies", "2"], 100, "as many targets"),
        (["storage", "leader", "set-replication", "-r", "3", "-o", "/nowhere/at/all", "--dry-run"], 102, "written"),
        (["storage", "leader", "delete-bucket", "-i", "-1"], 2, "-1"),
        (["storage", "leader", "delete-bucket", "-i", "1"], 2, "no account"),
        (["storage", "leader", "delete-bucket", "-i", "1", "-y", "not a secret"], 102, "Secret URI"),
        (["storage", "leader", "delete-bucket", "-i", "1", "-k", "/nowhere.json"], 102, "cannot be read"),
        (["storage", "operator", "accept-invitation", "-i", "1", "-w", "1", "-t", "x"], 100, "account"),
        (["storage", "operator", "set-metadata", "-i", "1", "-w", "1"], 2, "--endpoint"),
        (["storage", "operator", "set-metadata", "-i", "1", "-w", "1", "-e", "x"], 100, "OperatorMetadata"),
    ],
)
def test_storage_exit_codes(arguments: list[str], code: int, words: str) -> None:
    result = invoke(*arguments, *NOWHERE)
    assert (result.exit_code, words in result.output) == (code, True), result.output


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["leader", "update-bag", "-b", "dynamic:channel:x", "-f", "0"], 40, "Invalid dynamic bagId"),
        (["leader", "delete-bucket", "-B", "7"], 1, "distribution bucket id"),
        (["leader", "update-dynamic-bag-policy", "-t", "Member", "-p", "1"], 1, "family:count"),
        (["leader", "update-bucket-mode", "-B", "0:1", "-d", "maybe"], 2, "maybe"),
        (["leader", "create-bucket-family", "--apiUrl", "ws://127.0.0.1:9"], 2, "no account"),
        (["leader", "create-bucket-family"], 1, "the configuration is not valid"),
        (["leader", "create-bucket-family", "--apiUrl", "ws://127.0.0.1:9", "--keyFile", "/no.json"], 41, "/no.json"),
        (["node", "set-buckets", "-u", "http://127.0.0.1:9", "-s", "x"], 2, "--bucketIds or --all"),
        (["node", "shutdown", "-u", "http://127.0.0.1:9", "-s", "x"], 20, "does not answer"),
        (["node", "shutdown", "-u", "ftp://x", "-s", "x"], 40, "operator API"),
    ],
)
def test_distributor_exit_codes(
    arguments: list[str], code: int, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    result = invoke("distributor", *arguments)
    assert (result.exit_code, words in result.output) == (code, True), result.output


def test_policies() -> None:
    assert policy_of_texts(None, None, ("0:1,2:3", "4:0")) == ((0, 1), (2, 3), (4, 0))  # type: ignore[arg-type]
    with pytest.raises(CommandFailed, match="twice"):
        policy_of_texts(None, None, ("0:1", "0:2"))  # type: ignore[arg-type]


@pytest.mark.parametrize(("text", "yes"), [("true", True), ("1", True), ("0", False), ("false", False), ("", False)])
def test_the_environment_answers(text: str, yes: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AUTO_CONFIRM", text)
    assert auto_confirmed() is yes


def test_nobody_at_the_terminal_is_a_no_where_one_must_ask(monkeypatch: pytest.MonkeyPatch) -> None:
    import click

    monkeypatch.delenv("AUTO_CONFIRM", raising=False)
    answers: list[bool] = []

    @click.command()
    def command() -> None:
        answers.extend(confirmed("Send it?", confirm) for confirm in ("ask", "ask_at_terminal", "never"))

    assert CliRunner().invoke(command, input="").exit_code == 0
    assert answers == [False, True, True]


def test_every_refusal_of_the_pallets_is_explained() -> None:
    runtime = build_runtime(Limits())
    errors = runtime.pallets["Storage"].errors
    assert errors is not None
    known = {f"Storage.{name}" for name in errors.by_name}
    assert known - EXPLANATIONS.keys() == set()
    for error in ("IsNotLeadAccount", "CurrentLeadNotSet", "WorkerDoesNotExist", "SignerIsNotWorkerRoleAccount"):
        assert f"DistributionWorkingGroup.{error}" in EXPLANATIONS
    assert {name for name in EXPLANATIONS if name.startswith("Storage.")} == known


def test_an_explanation_says_what_to_do() -> None:
    lines = explained("Storage.StorageBucketIsBoundToBag", "the chain's words").splitlines()
    assert lines[0] == "Api Error: Storage.StorageBucketIsBoundToBag (the chain's words)"
    assert "empty-bucket" in lines[2]
    assert explained("Content.Whatever") == "Api Error: Content.Whatever"


def test_the_result_is_a_field_of_an_event() -> None:
    events = [
        ChainEvent("System", "ExtrinsicSuccess", {}, 1),
        ChainEvent("Storage", "StorageBucketCreated", {"bucket_id": 5}, 1),
    ]
    assert field_of_event("StorageBucketCreated", "bucket_id")(events) == 5
    assert field_of_event("DistributionBucketCreated", "bucket_id")(events) is None


@pytest.mark.parametrize(("form", "shown"), [("json", '{\n  "a": "1"\n}\n'), ("yaml", "a: '1'\n")])
def test_forms_of_an_answer(form: str, shown: str, capsys: pytest.CaptureFixture[str]) -> None:
    show({"a": "1"}, form)  # type: ignore[arg-type]
    assert capsys.readouterr().out == shown


# ---- key files


def key_file(path: Path, suri: str, password: str) -> Path:
    from substrateinterface import Keypair

    path.write_text(json.dumps(Keypair.create_from_uri(suri).export_to_encrypted_json(password)))
    return path


def test_passwords_are_tried_and_asked_for(tmp_path: Path) -> None:
    first = key_file(tmp_path / "first.json", "//Alice", "one")
    second = key_file(tmp_path / "second.json", "//Bob", "two")
    third = key_file(tmp_path / "third.json", "//Dave", "three")
    answers = iter(["wrong", "two", None])
    opened = open_files([first, second, third], ["one"], lambda _: next(answers))
    assert opened.passwords == {first: "one", second: "two"}
    assert opened.locked == (third,)


def test_a_store_holds_key_files_alone(tmp_path: Path) -> None:
    key = key_file(tmp_path / "a.json", "//Alice", "x")
    (tmp_path / "note.txt").write_text("hello")
    (tmp_path / "folder.json").mkdir()
    assert key_files_of([], tmp_path, STORAGE_EXITS) == [key]
    (tmp_path / "b.json").write_text("{}")
    with pytest.raises(CommandFailed, match="not a key file") as raised:
        key_files_of([], tmp_path, DISTRIBUTOR_EXITS)
    assert raised.value.exit_code == 42


# ---- what needs no chain


def test_multihash_and_bag_ids(tmp_path: Path) -> None:
    file = tmp_path / "abc"
    file.write_bytes(b"abc")
    assert invoke("storage", "util:multihash", "-f", str(file)).output == (
        "gW4QsJpeRbCjxSBRonyaCtuexDiyZiQRMJVN4EnvHcVdAU\n"
    )
    assert invoke("storage", "dev:multihash", "-f", str(tmp_path / "none")).exit_code == 102
    assert invoke("storage", "util", "verify-bag-id", "-i", "Dynamic:Channel:7").output == "dynamic:channel:7\n"
    assert invoke("storage", "util", "verify-bag-id", "-i", "dynamic:channel:7x").exit_code == 100
    assert invoke("storage", "dev:upload", "-s", "1", "-c", "x").exit_code == 2
