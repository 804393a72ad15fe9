"""WebSockets: frames in, frames out; what happens between them is `chat`'s (design, section 3)."""
