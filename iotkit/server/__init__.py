"""Give a device a web service, which any language can use (docs/web-api.md)."""

from .pairing import the_pairing
from .service import Service, serve, serve_link

on_new_code, pairing_code = the_pairing.tell, the_pairing.code

__all__ = ["Service", "on_new_code", "pairing_code", "serve", "serve_link"]
