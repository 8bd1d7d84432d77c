"""The log: structured events from structlog and from the standard library's loggers, through one pipe."""

import logging
import sys
from collections.abc import MutableMapping
from typing import TYPE_CHECKING

import structlog

from joygrpc.config.log import LogFormat, LogLevel, LogSettings
from joygrpc.telemetry.log_files import PeriodicFileHandler
from joygrpc.telemetry.request_ids import current_request_id

if TYPE_CHECKING:
    from structlog.typing import Processor, WrappedLogger

_LEVELS: dict[LogLevel, int] = {
    "error": logging.ERROR,
    "warning": logging.WARNING,
    "info": logging.INFO,
    "debug": logging.DEBUG,
}

_SECRET_WORDS = ("secret", "password", "suri", "mnemonic", "seed", "authorization", "api_key")
_QUIET = ("asyncio", "aiohttp.access", "urllib3", "websocket", "gql.transport", "markdown_it", "hpack")


def hide_secrets(
    _logger: "WrappedLogger", _method: str, event: MutableMapping[str, object]
) -> MutableMapping[str, object]:
    """Replaces the values of fields whose names speak of secrets."""
    for key in event:
        if any(word in key.lower() for word in _SECRET_WORDS):
            event[key] = "***"
    return event


def _add_request_id(
    _logger: "WrappedLogger", _method: str, event: MutableMapping[str, object]
) -> MutableMapping[str, object]:
    if request_id := current_request_id():
        event.setdefault("request_id", request_id)
    return event


def configure_logging(settings: LogSettings, process: str = "") -> None:
    """Sets up the log of this process; `process` is named in every event. Calling it again replaces what was set up.

    Events go to standard error, and to files when the settings name them. Raises OSError when a log file cannot be opened.
    """

    def add_process(
        _logger: "WrappedLogger", _method: str, event: MutableMapping[str, object]
    ) -> MutableMapping[str, object]:
        if process:
            event.setdefault("process", process)
        return event

    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        add_process,
        _add_request_id,
        hide_secrets,
    ]
    handlers: list[tuple[logging.Handler, LogFormat, LogLevel]] = []
    if settings.console:
        handlers.append((logging.StreamHandler(sys.stderr), settings.format, settings.level))
    if settings.file is not None:
        handlers.append((PeriodicFileHandler(settings.file, process), "json", settings.file.level))
    root = logging.getLogger()
    for old in root.handlers[:]:
        root.removeHandler(old)
        old.close()
    for handler, form, level in handlers:
        handler.setFormatter(_formatter(form, shared))
        handler.setLevel(_LEVELS[level])
        root.addHandler(handler)
    least = min((_LEVELS[level] for _, _, level in handlers), default=logging.CRITICAL)
    root.setLevel(least)
    for name in _QUIET:
        logging.getLogger(name).setLevel(max(least, logging.WARNING))
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.make_filtering_bound_logger(least),
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,
    )


def _formatter(form: LogFormat, shared: "list[Processor]") -> structlog.stdlib.ProcessorFormatter:
    rendering: list[Processor] = [structlog.stdlib.ProcessorFormatter.remove_processors_meta]
    if form == "json":
        rendering += [structlog.processors.format_exc_info, structlog.processors.JSONRenderer(default=str)]
    else:
        colours = sys.stderr.isatty()
        rendering.append(
            structlog.dev.ConsoleRenderer(
                colors=colours, pad_event_to=0, exception_formatter=structlog.dev.plain_traceback
            )
        )
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[structlog.stdlib.ExtraAdder(), *shared], processors=rendering
    )
