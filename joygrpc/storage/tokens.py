"""Upload tokens: given to members who prove who they are, good for one upload."""

import time
from collections import OrderedDict
from collections.abc import Callable
from datetime import timedelta
from typing import Literal

from joygrpc.chain import Chain
from joygrpc.chain.signatures import InvalidSignatureLength, verify_signature
from joygrpc.chain.ss58 import InvalidAddress
from joygrpc.mesh import JoygrpcError
from joygrpc.storage.token_forms import (
    Token,
    TokenInvalid,
    TokenMissing,
    TokenRequest,
    TokenRequestInvalid,
    check_token_subject,
    check_token_time,
    signature_of_hex,
    token_body,
    token_text,
)

UploadAuth = Literal["off", "optional", "required"]

MAX_NONCES = 100_000


class UploadAuthDisabled(JoygrpcError):
    """This node gives no upload tokens."""

    reason = "UPLOAD_AUTH_DISABLED"


class UploadSignatureInvalid(JoygrpcError):
    """Invalid upload token request signature."""

    reason = "UPLOAD_SIGNATURE_INVALID"


class MemberAccountMismatch(JoygrpcError):
    """Provided controller account and member id don't match."""

    reason = "MEMBER_ACCOUNT_MISMATCH"


class TokenStoreFull(JoygrpcError):
    """Too many tokens are given out and not used."""

    reason = "TOKEN_STORE_FULL"


class Nonces:
    """Tokens that were given and not used yet. An expired one is gone, whether it was swept or not."""

    def __init__(
        self, lifetime: timedelta, capacity: int = MAX_NONCES, now: Callable[[], float] = time.monotonic
    ) -> None:
        self._lifetime_s = lifetime.total_seconds()
        self._capacity = capacity
        self._now = now
        self._expiry: OrderedDict[str, float] = OrderedDict()
        self._last = 0

    def __len__(self) -> int:
        return len(self._expiry)

    def issue(self) -> str:
        """A nonce that was never given before: the process's monotonic clock in nanoseconds. Raises `TokenStoreFull`."""
        now = self._now()
        # All live equally long, so the oldest come first.
        while self._expiry and next(iter(self._expiry.values())) <= now:
            self._expiry.popitem(last=False)
        if len(self._expiry) >= self._capacity:
            raise TokenStoreFull("Cache max keys amount exceeded")
        self._last = max(self._last + 1, time.monotonic_ns())
        nonce = str(self._last)
        self._expiry[nonce] = now + self._lifetime_s
        return nonce

    def use(self, nonce: object) -> bool:
        """Whether the nonce was given and is used for the first time."""
        if not isinstance(nonce, str):
            return False
        expiry = self._expiry.pop(nonce, None)
        return expiry is not None and expiry > self._now()


class TokenService:
    """Gives and checks upload tokens. `account` (SS58) is the node's own; its key is the chain client's business."""

    def __init__(self, chain: Chain, *, auth: UploadAuth, lifetime: timedelta, account: str | None) -> None:
        self._chain = chain
        self._auth = auth
        self._lifetime = lifetime
        self._account = account
        self._nonces = Nonces(lifetime)

    def __repr__(self) -> str:
        return f"<TokenService {self._auth} nonces={len(self._nonces)}>"

    @property
    def auth(self) -> UploadAuth:
        """Whether tokens are off, optional or required."""
        return self._auth

    @property
    def account(self) -> str:
        """The account that signs tokens, in the chain's address format; empty when tokens are off."""
        if self._auth == "off":
            return ""
        # Asked for each time: the prefix of address texts is known only once the chain was reached.
        signers = self._chain.signers()
        return self._account or (signers[0] if signers else "")

    async def create(self, signed_data: str, signature: str) -> str:
        """A token for what the data asks for, once its signature and the member's account are proven.

        Raises `UploadAuthDisabled`, `TokenRequestInvalid`, `UploadSignatureInvalid`, `MemberAccountMismatch`, `TokenStoreFull`, and the chain's errors.
        """
        if self._auth == "off":
            raise UploadAuthDisabled("not found")
        request = TokenRequest.parse(signed_data)
        try:
            signed = verify_signature(request.account, signed_data.encode(), signature_of_hex(signature))
        except (InvalidAddress, InvalidSignatureLength) as error:
            raise TokenRequestInvalid(str(error)) from None
        if not signed:
            raise UploadSignatureInvalid
        controller = await self._chain.member_controller(request.member_id) if request.member_id >= 0 else None
        if controller != request.account:
            raise MemberAccountMismatch
        body = token_body(request, self._nonces.issue(), _now_ms() + round(self._lifetime.total_seconds() * 1000))
        return token_text(body, await self._chain.sign_bytes(self.account, Token(body, b"").signed_bytes))

    def check(self, text: str, object_id: int, bucket_id: int, bag: str) -> None:
        """Lets an upload pass or raises `TokenMissing` or `TokenInvalid`. The token of an upload that passes, or has expired unused, is spent."""
        if self._auth == "off" or (self._auth == "optional" and not text):
            return
        if not text:
            raise TokenMissing("'x-api-key' header required")
        token = Token.parse(text)
        try:
            if not verify_signature(self.account, token.signed_bytes, token.signature):
                raise TokenInvalid("Invalid signature")
        except (InvalidAddress, InvalidSignatureLength) as error:
            raise TokenInvalid(str(error)) from None
        check_token_subject(token.body, object_id, bucket_id, bag)
        check_token_time(token.body, _now_ms())
        if not self._nonces.use(token.body.get("nonce")):
            raise TokenInvalid("Nonce not found")


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
