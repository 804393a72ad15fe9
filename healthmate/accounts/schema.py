"""How /openapi.json names our authentication; imported for drf-spectacular to find it."""

from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension

from healthmate.common.schema import BEARER, SECURITY_SCHEMES


class BearerScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """`Authorization: Bearer <access token>`."""

    target_class = "healthmate.accounts.tokens.BearerAuthentication"
    name = BEARER

    def get_security_definition(self, auto_schema: Any) -> dict[str, Any]:
        """The scheme, as every endpoint that names it."""
        return dict(SECURITY_SCHEMES[BEARER])
