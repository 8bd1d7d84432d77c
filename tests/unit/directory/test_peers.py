import pytest

from joygrpc.directory.peers import MeshAddress, mesh_address, rest_root


@pytest.mark.parametrize(
    ("endpoint", "root"),
    [
        ("https://node.example/storage/", "https://node.example/storage"),
        (" http://127.0.0.1:3333 ", "http://127.0.0.1:3333"),
        ("http://[::1]:3333/", "http://[::1]:3333"),
        (None, None),
        ("", None),
        ("node.example", None),
        ("ftp://node.example", None),
        ("http://", None),
        ("http://node.example:99999", None),
        ("http://node.example:0", None),
        ("http://user:secret@node.example", None),
        ("http://node.example/?a=b", None),
        ("http://node.example/#x", None),
        ("http://node .example/", None),
        ("http://" + "a" * 3000, None),
    ],
)
def test_rest_roots(endpoint: str | None, root: str | None) -> None:
    assert rest_root(endpoint) == root


@pytest.mark.parametrize(
    ("extra", "address"),
    [
        ('{"grpc": "grpc://node.example:50051"}', MeshAddress("node.example:50051", tls=False)),
        ('{"grpc": "grpcs://node.example:443/", "more": 1}', MeshAddress("node.example:443", tls=True)),
        ('{"grpc": "grpc://[::1]:50051"}', MeshAddress("[::1]:50051", tls=False)),
        (None, None),
        ("", None),
        ("free text of an operator", None),
        ("[]", None),
        ("{}", None),
        ('{"grpc": 5}', None),
        ('{"grpc": null}', None),
        ('{"grpc": "http://node.example:50051"}', None),
        ('{"grpc": "grpc://node.example"}', None),
        ('{"grpc": "grpc://node.example:50051/path"}', None),
        ('{"grpc": "grpc://node.example:bad"}', None),
        ('{"grpc": "grpc://user@node.example:1"}', None),
        ("[" * 2000, None),
    ],
)
def test_mesh_addresses(extra: str | None, address: MeshAddress | None) -> None:
    assert mesh_address(extra) == address
