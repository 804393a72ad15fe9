"""What `/auth` takes and answers."""

from rest_framework import serializers

from healthmate.common.views import TextField

MAX_PASSWORD = 1000


class LoginIn(serializers.Serializer[object]):
    """Body of `POST /auth/login`."""

    email = TextField(max_length=254, help_text="In capitals or not.")
    password = TextField(max_length=MAX_PASSWORD, trim_whitespace=False)


class RefreshIn(serializers.Serializer[object]):
    """Body of `POST /auth/refresh` and `POST /auth/logout`."""

    refresh_token = TextField(help_text="The newest refresh token of this login.")


class TokensOut(serializers.Serializer[object]):
    """Answer of `POST /auth/login` and `POST /auth/refresh`."""

    access_token = serializers.CharField()
    token_type = serializers.ChoiceField(choices=["bearer"], default="bearer")
    refresh_token = serializers.CharField()
    expires_in = serializers.IntegerField(help_text="Seconds until the access token expires.")


class TicketOut(serializers.Serializer[object]):
    """Answer of `POST /auth/ws-ticket`."""

    ticket = serializers.CharField()
    expires_in = serializers.IntegerField(help_text="Seconds; a ticket opens one socket, once.")
