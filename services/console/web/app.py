"""The web application: which address is which page."""

from pathlib import Path

import structlog
from sqlalchemy.exc import OperationalError
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from services.console.web import admin, backtest, case, identity, live, login, queue, why
from services.console.web.context import Console
from services.console.web.protection import SecurityHeaders
from services.console.web.rendering import render

log = structlog.get_logger()

_STATIC = Path(__file__).parents[1] / "static"


def build_app(console: Console) -> Starlette:
    """Return the application."""
    routes = [
        Route("/", queue.show_queue),
        Route("/bulk", queue.change_many, methods=["POST"]),
        Route("/filters", queue.save_filter, methods=["POST"]),
        Route("/cases/{case:uuid}", case.show_case),
        Route("/cases/{case:uuid}/graph", case.show_graph),
        Route("/cases/{case:uuid}/{action:str}", case.change_case, methods=["POST"]),
        Route("/alerts/{alert:uuid}", why.show_alert),
        Route("/transactions/{transaction:uuid}", why.show_transaction),
        Route("/transactions/{transaction:uuid}/why", why.show_explanation),
        Route("/live", live.show_live),
        Route("/live/figures", live.show_figures),
        Route("/live/events", live.stream_alerts),
        Route("/rules", admin.show_rules),
        Route("/rules/backtest", backtest.show_form),
        Route("/rules/backtest", backtest.start_backtest, methods=["POST"]),
        Route("/backtests/{backtest:uuid}", backtest.show_backtest),
        Route("/backtests/{backtest:uuid}/progress", backtest.show_progress),
        Route("/backtests/{backtest:uuid}/stop", backtest.stop_backtest, methods=["POST"]),
        Route("/people", admin.show_people),
        Route("/people", admin.invite, methods=["POST"]),
        Route("/people/{name:str}", admin.change_person, methods=["POST"]),
        Route("/audit", admin.show_audit),
        Route("/login", login.show_login),
        Route("/login", login.log_in, methods=["POST"]),
        Route("/logout", login.log_out, methods=["POST"]),
        Route("/link", login.show_link),
        Route("/link", login.use_link, methods=["POST"]),
        Route("/login/provider", identity.to_provider),
        Route("/login/callback", identity.from_provider),
        Route("/livez", _live),
        Mount("/static", StaticFiles(directory=_STATIC)),
    ]
    middleware = [
        Middleware(SecurityHeaders, is_secure=console.is_secure),
        Middleware(TrustedHostMiddleware, allowed_hosts=_hosts(console), www_redirect=False),
    ]
    handlers = {HTTPException: _http_error, OperationalError: _database_away, 500: _failed}
    app = Starlette(routes=routes, middleware=middleware, exception_handlers=handlers)
    app.state.console = console
    app.state.feed = live.AlertFeed(console)
    return app


def _hosts(console: Console) -> list[str]:
    """Return the names by which people reach the console: a page elsewhere can't make a browser use another one."""
    name = console.settings.url.split("://", 1)[1].partition("/")[0]
    host = name if name.startswith("[") else name.rpartition(":")[0] or name
    return [host, "localhost", "127.0.0.1"]


async def _live(_request: Request) -> Response:
    return JSONResponse({"status": "live"})


async def _http_error(request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    text = "There is no such page." if status == 404 else str(getattr(error, "detail", ""))
    return render(
        request, "message.html", {"title": "Not found" if status == 404 else "Not possible", "text": text}, status
    )


async def _database_away(request: Request, error: Exception) -> Response:
    log.warning("database does not answer", path=request.url.path, reason=str(error).partition("\n")[0])
    text = "The database does not answer: try again in a moment. What was recorded in the topics is safe."
    return render(request, "message.html", {"title": "Not possible now", "text": text}, 503)


async def _failed(request: Request, _error: Exception) -> Response:
    text = "The page could not be made; the log of the console has the reason. What you did before is safe."
    return render(request, "message.html", {"title": "Something went wrong", "text": text}, 500)
