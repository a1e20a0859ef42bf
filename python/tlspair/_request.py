"""`Request`: a decision that the library waits for."""

from __future__ import annotations

import traceback
from typing import Any, Callable, Optional

from . import _arguments as arguments
from ._context import Context, context_handle
from ._errors import check
from ._frames import running
from .lowlevel import constant, lib


class Request:
    """A question that a callback brings; its connection waits for the answer.

    Answer it in the callback or later, and on any thread, with one of these methods. The first
    answer counts, and `True` says so. `False`: there is nothing to decide any more, because it was
    answered before or its connection has ended; that does no harm. A method that raises has not used
    the request up.

    A callback that is left by an exception has answered: no, with the exception's text as the reason;
    unless it had answered before. What nobody answers ends with the handshake's timeout, and a pair
    has none.

    The loop of a stream goes on by itself. A pair goes on with the next call on it, `feed(b"")` if
    there is nothing else to do; `SecurePair.on_ready` tells when. An exception of that callback is
    raised by the method that answered, whose answer counts.
    """

    __slots__ = ("_handle",)

    def __init__(self, handle: int) -> None:
        self._handle = handle

    def _answer(self, function: Callable[..., int], *values: Any) -> bool:
        status = running(function, self._handle, *values)
        if status == constant.TLS_ERR_INVALID_HANDLE:
            return False
        check(status)
        return True

    def resolve_context(self, context: Optional[Context]) -> bool:
        """Which context serves the name. `None`: what would serve it without the callback.

        The context's whole policy counts. It needs a certificate and a key.
        """
        return self._answer(lib.tls_request_resolve_context, context_handle(context, "context"))

    def resolve_verdict(self, accepted: bool) -> bool:
        """Whether a certificate is accepted. One that is not is treated as if it had failed verification."""
        return self._answer(lib.tls_request_resolve_verdict, arguments.flag(accepted, "accepted"))

    def resolve_session(self, session: Optional[arguments.Data]) -> bool:
        """What is kept under the id of a session. `None`: nothing, and the handshake goes on as a full one.

        So it does with bytes that were altered, or are of another session.
        """
        if session is None:
            return self._answer(lib.tls_request_resolve_session, None, 0)
        kept = arguments.data(session, "session")
        if not kept:
            raise ValueError("session is empty; None says that nothing is kept")
        return self._answer(lib.tls_request_resolve_session, kept, len(kept))

    def resolve_unavailable(self) -> bool:
        """The store cannot answer now: the handshake goes on as a full one, and is counted as that."""
        return self._answer(lib.tls_request_resolve_unavailable)

    def reject(self, reason: Optional[str] = None) -> bool:
        """No, to any question; the reason is for the error on our side, and is not sent."""
        return self._answer(lib.tls_request_reject, arguments.optional_text(reason, "reason"))

    def __repr__(self) -> str:
        return f"<Request {self._handle:#x}>"


def refuse(handle: int, error: BaseException) -> None:
    """Reject, because whoever was asked has failed. An answer that was given before counts."""
    words = "".join(traceback.format_exception_only(type(error), error)).strip()
    lib.tls_request_reject(handle, words.replace("\0", " ").encode("utf-8", "replace"))
