"""The OpenAPI documents of the APIs, as JSON and as a page to read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from html import escape
from importlib.resources import files
from typing import Any

import yaml
from aiohttp import hdrs, web

from gateway.app import Handler
from gateway.responses import json_answer
from gateway.routing import Route

PAGE_POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
_METHODS = ("get", "head", "post", "put", "patch", "delete")
_STYLE = """
body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#1a1a1a;background:#fff}
code,pre{font:14px/1.5 ui-monospace,monospace}h2{margin-top:2.5rem;border-top:1px solid #ccc;padding-top:1rem}
table{border-collapse:collapse;width:100%}td,th{text-align:left;vertical-align:top;border-bottom:1px solid #ddd;padding:.3rem .6rem .3rem 0}
.method{display:inline-block;min-width:4rem;font-weight:700}
@media(prefers-color-scheme:dark){body{color:#eee;background:#111}td,th,h2{border-color:#444}}
"""


@cache
def load_document(api: str) -> Mapping[str, Any]:
    """The OpenAPI document of `storage`, `distributor` or `operator`."""
    text = files("gateway").joinpath("openapi", f"{api}.yaml").read_text(encoding="utf-8")
    document: Mapping[str, Any] = yaml.safe_load(text)
    return document


def documentation_routes(api: str) -> list[Route[Handler]]:
    """`/openapi.json`, `/docs`, and a root that names them."""

    async def openapi(request: web.Request, _: Mapping[str, str]) -> web.StreamResponse:
        return json_answer(request, load_document(api))

    async def docs(_: web.Request, __: Mapping[str, str]) -> web.StreamResponse:
        headers = {hdrs.CONTENT_TYPE: "text/html; charset=utf-8", "Content-Security-Policy": PAGE_POLICY}
        return web.Response(body=page(api).encode(), headers=headers)

    async def root(request: web.Request, _: Mapping[str, str]) -> web.StreamResponse:
        title = load_document(api)["info"]["title"]
        return json_answer(request, {"name": title, "documentation": "/docs", "openapi": "/openapi.json"})

    return [
        Route("docs.openapi", "GET", "/openapi.json", openapi),
        Route("docs.page", "GET", "/docs", docs),
        Route("docs.root", "GET", "/", root),
    ]


@cache
def page(api: str) -> str:
    """A page about an API that needs nothing else: no script, no font, no other host."""
    return "".join(_html(load_document(api)))


def _html(document: Mapping[str, Any]) -> Iterator[str]:
    info = document["info"]
    title = escape(f"{info['title']} {info['version']}")
    yield '<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
    yield f"<title>{title}</title><style>{_STYLE}</style><h1>{title}</h1>{_paragraphs(info.get('description', ''))}"
    yield '<p>Machine-readable: <a href="/openapi.json">/openapi.json</a></p>'
    for path, item in document["paths"].items():
        for method in _METHODS:
            if method in item:
                yield from _operation(document, path, method, item)


def _operation(document: Mapping[str, Any], path: str, method: str, item: Mapping[str, Any]) -> Iterator[str]:
    operation = item[method]
    yield f'<h2><code><span class="method">{method.upper()}</span> {escape(path)}</code></h2>'
    yield f"<p><strong>{escape(operation.get('summary', ''))}</strong></p>{_paragraphs(operation.get('description', ''))}"
    parameters = [_resolved(document, one) for one in [*item.get("parameters", []), *operation.get("parameters", [])]]
    if parameters:
        rows = (
            (f"{one['name']} ({one['in']}{', required' if one.get('required') else ''})", one.get("description", ""))
            for one in parameters
        )
        yield _table("Parameter", rows)
    body = operation.get("requestBody")
    if body:
        yield f"<p>Body: {', '.join(f'<code>{escape(kind)}</code>' for kind in body['content'])}</p>"
    responses = ((status, _resolved(document, one)["description"]) for status, one in operation["responses"].items())
    yield _table("Status", responses)


def _table(heading: str, rows: Iterator[tuple[str, str]]) -> str:
    cells = "".join(f"<tr><td><code>{escape(str(name))}</code><td>{escape(text)}" for name, text in rows)
    return f"<table><tr><th>{heading}<th>Meaning{cells}</table>"


def _paragraphs(text: str) -> str:
    return "".join(f"<p>{escape(part)}</p>" for part in text.strip().split("\n\n") if part)


def _resolved(document: Mapping[str, Any], node: Mapping[str, Any]) -> Mapping[str, Any]:
    reference = node.get("$ref")
    if reference is None:
        return node
    found: Any = document
    for key in reference.removeprefix("#/").split("/"):
        found = found[key]
    return _resolved(document, found)
