"""The door to simplejwt: access and refresh tokens, and who bears one."""

from rest_framework_simplejwt.authentication import JWTAuthentication


class BearerAuthentication(JWTAuthentication):  # type: ignore[misc]
    """`Authorization: Bearer <access token>`."""
