"""Checks that every request passes: headers, session, role, and the token against forged forms."""

import hmac
from collections.abc import Callable
from functools import wraps
from typing import Any
from urllib.parse import parse_qsl, quote, urlsplit

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from services.console.security.sessions import find_session
from services.console.web.context import console_of
from services.console.web.rendering import render

MAX_FORM_BYTES = 65_536

_HEADERS = {
    # No inline script or style, nothing from elsewhere, no frame around it.
    "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'; manifest-src 'self'",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
}


class SecurityHeaders:
    """Adds headers to every answer, which tell the browser to be careful.

    Args:
        app: The application.
        is_secure: Whether people reach the console by HTTPS.
    """

    def __init__(self, app: ASGIApp, *, is_secure: bool) -> None:
        self._app = app
        self._headers = _HEADERS | ({"strict-transport-security": "max-age=31536000"} if is_secure else {})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle a request."""

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in self._headers.items():
                    headers.setdefault(name, value)
                if not scope["path"].startswith("/static/"):
                    headers.setdefault("cache-control", "no-store")
            await send(message)

        await self._app(scope, receive, send_with_headers)


def cookie_name(*, is_secure: bool) -> str:
    """Return the name of the session's cookie; the prefix has the browser insist on HTTPS and on this very host."""
    return "__Host-session" if is_secure else "session"


def token_of(request: Request) -> str | None:
    """Return the token of the session in a request's cookie."""
    return request.cookies.get(cookie_name(is_secure=console_of(request).is_secure))


class Form(dict[str, str]):
    """The fields of a form; `all` has the values of a field that comes several times."""

    def __init__(self, pairs: list[tuple[str, str]]) -> None:
        super().__init__(pairs)
        self._pairs = pairs

    def all(self, name: str) -> list[str]:
        """Return the values of a field."""
        return [value for key, value in self._pairs if key == name]


async def read_form(request: Request, limit: int = MAX_FORM_BYTES) -> Form | None:
    """Return the fields of a form; None where it is too large or none."""
    if not request.headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
        return None
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > limit:
            return None
    try:
        return Form(parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=2000))
    except ValueError:
        return None


def same_origin(request: Request) -> bool:
    """Return whether the browser says that a form comes from a page of this console."""
    origin = request.headers.get("origin") or request.headers.get("referer")
    if not origin:
        return request.headers.get("sec-fetch-site") in (None, "same-origin")
    return urlsplit(origin).netloc == request.headers.get("host")


def page(
    role: str, *, wait: bool = False, form_bytes: int = MAX_FORM_BYTES
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Make an endpoint of a function: for people with a role alone, and for posted forms with the right token.

    Args:
        role: The least role.
        wait: The function is asynchronous; otherwise it runs in a thread, as it waits for the database.
        form_bytes: The greatest size of a posted form.
    """

    def decorate(handle: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(handle)
        async def endpoint(request: Request) -> Response:
            session = await run_in_threadpool(_session, request)
            if session is None:
                return _to_login(request)
            request.state.session = session
            if not session.may(role):
                return _refuse(request, 403, f"This needs the role {role}; yours is {session.role}.")
            arguments: list[Any] = [request]
            if request.method == "POST":
                form = await read_form(request, form_bytes)
                if form is None:
                    return _refuse(request, 413, "The form is too large, or none.")
                if not same_origin(request) or not hmac.compare_digest(form.get("csrf", ""), session.csrf):
                    return _refuse(request, 403, "The form was not made by this console, or you logged in again since. "
                                   "Go back, load the page again, and repeat.")  # fmt: skip
                arguments.append(form)
            answer = await handle(*arguments) if wait else await run_in_threadpool(handle, *arguments)
            return answer if isinstance(answer, Response) else _refuse(request, 404, "There is no such page.")

        return endpoint

    return decorate


def _session(request: Request) -> Any:
    token = token_of(request)
    if not token:
        return None
    with console_of(request).read() as connection:
        return find_session(connection, token)


def _to_login(request: Request) -> Response:
    if "text/html" not in request.headers.get("accept", ""):
        return Response("Log in first.", status_code=401, media_type="text/plain")
    there = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    following = f"?next={quote(there)}" if request.method == "GET" and there != "/" else ""
    return RedirectResponse(f"/login{following}", status_code=303)


def _refuse(request: Request, status: int, text: str) -> Response:
    return render(request, "message.html", {"title": "Not possible", "text": text}, status_code=status)


def local_path(path: str) -> str:
    """Return a path of this console to go to; `/` for anything that leads elsewhere."""
    parts = urlsplit(path)
    if parts.scheme or parts.netloc or not path.startswith("/") or path.startswith(("//", "/\\")):
        return "/"
    return path
