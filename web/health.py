"""Liveness, readiness and metrics of any worker."""

from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from app.main import app
from app.metrics import REGISTRY

router = app.http.router


async def livez(_request: web.Request) -> web.Response:
    """The event loop turns."""
    return web.json_response({"status": "live"})


async def readyz(_request: web.Request) -> web.Response:
    """Whether this worker should get work, and why not."""
    reasons = app.reasons_not_ready()
    return web.json_response(
        {"status": "not ready" if reasons else "ready", "reasons": reasons}, status=503 if reasons else 200
    )


async def metrics(_request: web.Request) -> web.Response:
    """What Prometheus scrapes."""
    return web.Response(body=generate_latest(REGISTRY), headers={"Content-Type": CONTENT_TYPE_LATEST})


router.add_get("/livez", livez)
router.add_get("/readyz", readyz)
router.add_get("/metrics", metrics)
