"""Ports and names of a development network."""

import json
from pathlib import Path

from joygrpc.cli.dev.plan import DevPlan, Ports, make_plan


def all_ports(plan: DevPlan) -> list[int]:
    storage = [p for n in plan.storage for p in (n.rest_port, n.grpc_port, n.admin_port, n.admin_grpc_port)]
    distributors = [
        p
        for n in plan.distributors
        for p in (n.rest_port, n.operator_port, n.grpc_port, n.admin_port, n.admin_grpc_port)
    ]
    return [plan.chain_port, plan.query_node_port, *storage, *distributors]


def test_fixed_ports_are_the_reference_nodes() -> None:
    plan = make_plan(Path("/data"), 2, 1, Ports.of("fixed"), "secret")
    assert (plan.chain, plan.query_node) == ("ws://127.0.0.1:9944", "http://127.0.0.1:4352/graphql")
    assert [node.rest_port for node in plan.storage] == [3333, 3343]
    assert [node.admin_port for node in plan.storage] == [9101, 9102]
    distributor = plan.distributors[0]
    assert (distributor.rest_port, distributor.operator_port, distributor.admin_port) == (3334, 3335, 9103)


def test_no_port_is_given_twice_in_the_largest_network() -> None:
    ports = all_ports(make_plan(Path("/data"), 10, 10, Ports.of("fixed"), "secret"))
    assert len(set(ports)) == len(ports)


def test_free_ports_are_all_different() -> None:
    ports = all_ports(make_plan(Path("/data"), 2, 2, Ports.of("auto"), "secret"))
    assert len(set(ports)) == len(ports)


def test_metadata_name_the_mesh_address() -> None:
    node = make_plan(Path("/data"), 1, 1, Ports.of("fixed"), "secret").storage[0]
    assert json.loads(node.extra) == {"grpc": "grpc://127.0.0.1:50051"}
