"""What people attach by address: the rules for those addresses, recordings fetched under them, their words."""

from chat.media.addresses import STRICT, Rules
from chat.media.recordings import Audio, fetch_audio
from chat.media.transcripts import transcripts_of
from chat.media.urls import check_urls

__all__ = ["STRICT", "Audio", "Rules", "check_urls", "fetch_audio", "transcripts_of"]
