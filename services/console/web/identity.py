"""Login by an identity provider."""

import hmac

from sqlalchemy import Connection, select, update
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from services.console.security import audit, people
from services.console.security.oidc import Person, Untrusted
from services.console.security.roles import highest
from services.console.security.secrets import new_token
from services.console.storage.tables import users
from services.console.web.context import address_of, console_of
from services.console.web.login import start_session
from services.console.web.rendering import render
from services.errors import Unavailable

COOKIE = "login-state"


async def to_provider(request: Request) -> Response:
    """Send a person to the provider; what the answer has to match is in a cookie of this browser."""
    console = console_of(request)
    if console.identity is None:
        return RedirectResponse("/login", status_code=303)
    state, nonce, verifier = new_token(), new_token(), new_token()
    try:
        address = await run_in_threadpool(console.identity.login_address, state, nonce, verifier)
    except Unavailable as error:
        return _refuse(request, str(error), 503)
    answer = RedirectResponse(address, status_code=303)
    answer.set_cookie(
        COOKIE, ".".join([state, nonce, verifier]), max_age=600, httponly=True, samesite="lax",
        secure=console.is_secure,
    )  # fmt: skip
    return answer


async def from_provider(request: Request) -> Response:
    """Log in the person whom the provider sends back."""
    return await run_in_threadpool(_log_in, request)


def _log_in(request: Request) -> Response:
    console, query = console_of(request), request.query_params
    try:
        state, nonce, verifier = request.cookies.get(COOKIE, "").split(".")
    except ValueError:
        return _refuse(request, "The login took too long, or began in another browser.", 400)
    if console.identity is None or not hmac.compare_digest(query.get("state", ""), state):
        return _refuse(request, "The login was not begun here.", 400)
    try:
        person = console.identity.person(query.get("code", ""), nonce, verifier)
    except Untrusted as error:
        return _refuse(request, f"Not logged in: {error}.", 403)
    except Unavailable as error:
        return _refuse(request, str(error), 503)
    with console.write() as connection:
        user = _user_of(connection, person)
        audit.record(connection, user or person.name, "login" if user else audit.LOGIN_FAILED, "identity provider",
                     address_of(request))  # fmt: skip
    if user is None:
        return _refuse(request, "Your account at the identity provider has no role for this console.", 403)
    answer = start_session(request, user, "/")
    answer.delete_cookie(COOKIE)
    return answer


def _user_of(connection: Connection, person: Person) -> str | None:
    """Return the user of a person, made or brought up to date; None for a person without a role."""
    role = highest(person.roles)
    if role is None:
        return None
    known = connection.execute(select(users).where(users.c.subject == person.subject)).first()
    if known is not None:
        connection.execute(update(users).where(users.c.name == known.name).values(role=role))
        return None if known.disabled else str(known.name)
    name = person.name if people.NAME.fullmatch(person.name) else "user"
    # The name of a local user is not taken over: who has the same name at the provider is another person.
    for candidate in (name, *(f"{name}-{number}" for number in range(2, 1000))):
        if people.create_user(connection, candidate[:63], role, None, person.subject):
            return candidate[:63]
    return None


def _refuse(request: Request, text: str, status: int) -> Response:
    return render(request, "message.html", {"title": "Not logged in", "text": text, "back": "/login"}, status)
