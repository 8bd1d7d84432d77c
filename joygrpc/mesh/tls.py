"""Certificates of mesh listeners and channels."""

from dataclasses import dataclass
from pathlib import Path

import grpc

from joygrpc.config.sections import TlsSettings


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """PEM files: a certificate chain and its key, and the certificates that sign the other side's.

    On a server `ca` means that clients must show a certificate (mTLS); on a client it replaces the system's roots.
    """

    certificate: Path | None = None
    key: Path | None = None
    ca: Path | None = None

    def server(self) -> grpc.ServerCredentials:
        """Credentials of a listener. Raises OSError when a file cannot be read, ValueError without certificate and key."""
        if self.certificate is None or self.key is None:
            raise ValueError("a TLS listener needs a certificate and a key")
        pair = (self.key.read_bytes(), self.certificate.read_bytes())
        ca = self.ca.read_bytes() if self.ca else None
        return grpc.ssl_server_credentials([pair], root_certificates=ca, require_client_auth=ca is not None)

    def channel(self) -> grpc.ChannelCredentials:
        """Credentials of a channel. Raises OSError when a file cannot be read."""
        return grpc.ssl_channel_credentials(
            root_certificates=self.ca.read_bytes() if self.ca else None,
            private_key=self.key.read_bytes() if self.key else None,
            certificate_chain=self.certificate.read_bytes() if self.certificate else None,
        )


def tls_files(settings: TlsSettings | None) -> TlsFiles | None:
    """The files that a configuration names."""
    if settings is None:
        return None
    return TlsFiles(settings.certificate, settings.key, settings.client_ca)
