"""Give a device a web service, which any language can use (docs/web-api.md)."""

from .service import Service, serve

__all__ = ["Service", "serve"]
