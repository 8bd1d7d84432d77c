"""Typed settings of the programs. Loading them from files, environment and flags: `joygrpc.config.loading`."""

from joygrpc.config.distributor import DistributorExtras, DistributorNodeConfig
from joygrpc.config.gateway import EdgeSettings, GatewayConfig, GatewayKind, GatewayLimits, OperatorSettings
from joygrpc.config.log import LogElasticSettings, LogFileSettings, LogFormat, LogLevel, LogSettings
from joygrpc.config.section import HIDDEN, Secret, Section
from joygrpc.config.sections import (
    AdminSettings,
    ChainSettings,
    KeySettings,
    MeshSettings,
    QueryNodeSettings,
    RestSettings,
    ShutdownSettings,
    TlsSettings,
)
from joygrpc.config.sizes import Size, parse_size
from joygrpc.config.storage import (
    PRIVATE_DIRECTORY,
    AcceptanceMode,
    AcceptanceSettings,
    CleanupSettings,
    DirectorySettings,
    ScrubSettings,
    StorageLimits,
    StorageNodeConfig,
    SyncSettings,
    UploadAuth,
    UploadSettings,
)

__all__ = [
    "HIDDEN",
    "PRIVATE_DIRECTORY",
    "AcceptanceMode",
    "AcceptanceSettings",
    "AdminSettings",
    "ChainSettings",
    "CleanupSettings",
    "DirectorySettings",
    "DistributorExtras",
    "DistributorNodeConfig",
    "EdgeSettings",
    "GatewayConfig",
    "GatewayKind",
    "GatewayLimits",
    "KeySettings",
    "LogElasticSettings",
    "LogFileSettings",
    "LogFormat",
    "LogLevel",
    "LogSettings",
    "MeshSettings",
    "OperatorSettings",
    "QueryNodeSettings",
    "RestSettings",
    "ScrubSettings",
    "Secret",
    "Section",
    "ShutdownSettings",
    "Size",
    "StorageLimits",
    "StorageNodeConfig",
    "SyncSettings",
    "TlsSettings",
    "UploadAuth",
    "UploadSettings",
    "parse_size",
]
