"""What can go wrong for an uploader or downloader."""


class ClientError(Exception):
    """Base of what the client library raises; its text is meant for a person."""


class ObjectRefused(ClientError):
    """The node answered a request with an error.

    `status` is the HTTP status; `kind` and `message` are those of the node's JSON body, or empty and the body's text.
    """

    def __init__(self, status: int, kind: str, message: str) -> None:
        super().__init__(f"the node answered {status}: {message}")
        self.status, self.kind, self.message = status, kind, message


class WaitTimedOut(ClientError):
    """What was waited for did not happen within the time limit."""
