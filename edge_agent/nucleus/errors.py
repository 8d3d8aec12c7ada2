"""What can go wrong with the nucleus, as one of our errors that keeps the name the IPC gives it."""

from __future__ import annotations

from edge_agent.errors import UplinkError

UNAUTHORIZED = "UnauthorizedError"  # the recipe's accessControl does not list it
NOT_FOUND = "ResourceNotFoundError"
SERVICE = "ServiceError"  # anything else, without a word on nucleus lite
LOST = "ConnectionClosedError"

# What the SDK calls it depends on how far a call had come when the socket went.
_LOST = {LOST, "StreamClosedError", "EventStreamOperationError", "RuntimeError", "AwsCrtError"}
_MENDS = {
    UNAUTHORIZED: "let the recipe's accessControl allow it",
    LOST: "the component ends, and the nucleus starts it with a new socket",
    SERVICE: "see the log of the nucleus",
}


class NucleusError(UplinkError):
    """The nucleus did not do what it was asked.

    Args:
        code: the name the IPC has for it; LOST for whatever means that there is no connection.
    """

    def __init__(self, what: str, mend: str = "", *, code: str) -> None:
        super().__init__(what, mend)
        self.code = code


def translated(asked: str, error: BaseException) -> NucleusError:
    """An error of the IPC client, of `asked`, as ours."""
    name = type(error).__name__
    code = LOST if name in _LOST else name
    says = getattr(error, "message", None) or str(error)
    what = f"the nucleus does not {asked}: {code}" + (f" ({says})" if says and code != LOST else "")
    return NucleusError(what, _MENDS.get(code, "see the log of the nucleus"), code=code)
