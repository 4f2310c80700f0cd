"""The bridge as phones see it: foreign clients (websockets, raw sockets) against the real binary."""
