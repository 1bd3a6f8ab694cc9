"""Login and logout: by password, by a one-time link, by an identity provider."""

import hmac
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from services.console.security import audit, people
from services.console.security.secrets import new_token, password_problem
from services.console.security.sessions import create_session, end_session
from services.console.web.context import Console, address_of, console_of, log_action
from services.console.web.protection import Form, cookie_name, local_path, page, read_form, same_origin, token_of
from services.console.web.rendering import render

FORM_COOKIE = "form"
"""Before a login there is no session: a form has the value of this cookie, which no other site can read or set."""


async def show_login(request: Request) -> Response:
    """Show the form for name and password."""
    return _with_form_token(request, "login.html", {"title": "Log in", "next": request.query_params.get("next", "/")})


async def log_in(request: Request) -> Response:
    """Check name and password."""
    form = await _form(request)
    if form is None:
        return _with_form_token(request, "login.html", _failed(request, "The form is too old: try again."), 403)
    return await run_in_threadpool(_log_in, request, form)


def _log_in(request: Request, form: Form) -> Response:
    console, name, address = console_of(request), form.get("name", "").strip(), address_of(request)
    with console.write() as connection:
        if audit.too_many_failures(connection, name, address):
            audit.record(connection, name, "login refused", "too many failures", address)
            words = "Too many failed logins. Wait ten minutes, or ask an admin for a one-time link."
            return _with_form_token(request, "login.html", _failed(request, words, form), 429)
        # Counted before the password is checked: requests at once can't all pass below the limit.
        audit.record(connection, name, audit.LOGIN_FAILED, "", address)
    with console.read() as connection:
        user = people.check_password(connection, name, form.get("password", "")[:1000])
    if user is None:
        words = "Name or password is wrong."
        return _with_form_token(request, "login.html", _failed(request, words, form), 401)
    with console.write() as connection:
        audit.forget_failures(connection, name, address)
        audit.record(connection, user, "login", "password", address)
    return start_session(request, user, form.get("next", "/"))


async def show_link(request: Request) -> Response:
    """Show what a one-time link offers: nothing is used up yet, as mail programs look at links in advance."""
    token = request.query_params.get("token", "")

    def find() -> people.Link | None:
        with console_of(request).read() as connection:
            return people.find_link(connection, token)

    link = await run_in_threadpool(find)
    if link is None:
        text = "This link has been used, or is too old. `scripts/console link` makes a new one."
        return render(request, "message.html", {"title": "Link not valid", "text": text}, 404)
    return _with_form_token(request, "link.html", {"title": "Welcome", "link": link, "token": token, "error": ""})


async def use_link(request: Request) -> Response:
    """Log in by a one-time link, as its user or as a new one."""
    form = await _form(request)
    if form is None:
        return RedirectResponse("/login", status_code=303)
    return await run_in_threadpool(_use_link, request, form)


def _use_link(request: Request, form: Form) -> Response:
    console, token = console_of(request), form.get("token", "")
    name, password = form.get("name", "").strip(), form.get("password", "")
    with console.write() as connection:
        link = people.find_link(connection, token)
        if link is None:
            return RedirectResponse("/login", status_code=303)
        problem = None
        if link.user is None:
            if not people.NAME.fullmatch(name):
                problem = f"The name needs {people.NAME_EXPECTED}."
            else:
                problem = password_problem(password, name)
            if problem is None and not people.create_user(connection, name, link.role, password):
                problem = "The name is taken."
        if problem:
            values = {"title": "Welcome", "link": link, "token": token, "error": problem}
            return _with_form_token(request, "link.html", values, 400)
        people.use_link(connection, token)
        user = link.user or name
        audit.record(connection, user, "login", f"one-time link, role {link.role}", address_of(request))
    return start_session(request, user, "/")


@page("viewer")
def log_out(request: Request, _form: Form) -> Response:
    """End the session."""
    console = console_of(request)
    with console.write() as connection:
        log_action(connection, request, "logout", "")
        end_session(connection, token_of(request) or "")
    answer = RedirectResponse("/login", status_code=303)
    answer.delete_cookie(cookie_name(is_secure=console.is_secure), secure=console.is_secure, httponly=True)
    return answer


def start_session(request: Request, user: str, following: str) -> Response:
    """Return the answer that begins a session; one that the browser had before is ended."""
    console: Console = console_of(request)
    with console.write() as connection:
        if old := token_of(request):
            end_session(connection, old)
        token = create_session(connection, user, console.session_ms)
    answer = RedirectResponse(local_path(following), status_code=303)
    answer.set_cookie(
        cookie_name(is_secure=console.is_secure),
        token,
        max_age=console.session_ms // 1000,
        httponly=True,
        secure=console.is_secure,
        samesite="lax",
    )
    answer.delete_cookie(FORM_COOKIE)
    return answer


def _failed(request: Request, error: str, form: Form | None = None) -> dict[str, Any]:
    return {"title": "Log in", "next": (form or request.query_params).get("next", "/"), "error": error}


def _with_form_token(request: Request, template: str, values: dict[str, Any], status: int = 200) -> Response:
    token = request.cookies.get(FORM_COOKIE) or new_token()
    oidc = bool(console_of(request).settings.oidc_issuer)
    answer = render(request, template, {"error": "", "form_token": token, "oidc": oidc} | values, status)
    answer.set_cookie(
        FORM_COOKIE, token, max_age=3600, httponly=True, samesite="strict", secure=console_of(request).is_secure
    )
    return answer


async def _form(request: Request) -> Form | None:
    """Return a form that was made for this browser; None for any other."""
    form, token = await read_form(request), request.cookies.get(FORM_COOKIE, "")
    if form is None or not token or not same_origin(request):
        return None
    return form if hmac.compare_digest(form.get("form_token", ""), token) else None
