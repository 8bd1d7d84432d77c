"""The uploader's and downloader's library: what a program outside the mesh does with objects, over the public REST routes."""

from joygrpc.client.errors import ClientError, ObjectRefused, WaitTimedOut
from joygrpc.client.uploads import upload_file
from joygrpc.client.waiting import wait_until_served

__all__ = ["ClientError", "ObjectRefused", "WaitTimedOut", "upload_file", "wait_until_served"]
