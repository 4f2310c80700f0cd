/// Every bound of this module, with its reason. What `WebSocketConfiguration` repeats is its default there.
enum Limits {
  /// One message after inflation: what the phones' first server took.
  static let message_bytes = 16 << 20
  /// Bytes queued for a peer that does not read; above it the connection ends with 1013.
  static let outboundBuffer_bytes = 1 << 20
  /// `isWritable` turns false above `high` and true again below `low`.
  static let highWatermark_bytes = 64 << 10
  static let lowWatermark_bytes = 16 << 10

  /// Bytes the kernel keeps unsent for a socket, beside those on their way. By itself it takes megabytes, and asks for
  /// more only when a third of them is gone: a phone on a slow network would look as if it took nothing.
  static let unsent_bytes = 16 << 10

  /// From the first byte to the 101: the request's arrival and the decision.
  static let handshake_s = 10
  /// The request as it is on the wire. A token in the query may take 2 KiB; browsers add cookies.
  static let request_bytes = 16 << 10
  static let headerField_bytes = 8 << 10
  static let headerFields = 100
  /// Extension offers looked at in one request (RFC 7692 §7.1 lets a client list alternatives).
  static let extensionOffers = 16

  /// Silence until a ping, and from the ping until its pong.
  static let keepalivePing_s = 20
  static let keepalivePong_s = 20
  /// From our close frame to the peer's (RFC 6455 §7.1.1 leaves it open).
  static let closeHandshake_s = 10
  /// The same for a peer that is still taking what was sent before.
  static let slowClose_s = 60
  /// After a failure what still arrives is thrown away this long, so that the kernel does not answer it with a reset
  /// that would destroy our close frame on its way (RFC 6455 §7.1.1).
  static let linger_s = 2

  /// Open sockets of one listener, and of one address: an IPv4 address (many phones behind one carrier's NAT) or an
  /// IPv6 /64.
  static let connections = 50_000
  static let connectionsPerAddress = 2_048
  /// Sockets above `connections` that still get a 503; above that they are closed at once.
  static let refusedConnections = 1_024

  /// A clock that is this late has stood still together with everything else: peers did not have that time either.
  static let stall_s: UInt32 = 3

  /// Timers handled before the loop gets its turn for I/O: about a millisecond of pings.
  static let deadlinesPerTurn = 128

  /// A control frame's payload (RFC 6455 §5.5), and a close frame's reason (two bytes are the code).
  static let controlPayload_bytes = 125
  static let closeReason_bytes = 123
  /// The longest frame header: 2, 8 of length, 4 of masking key (RFC 6455 §5.2).
  static let frameHeader_bytes = 14

  /// Pings and pongs received: nobody needs more, and each ping costs a write.
  static let controlFrames = RateLimit(burst: 256, perSecond: 32)
  /// Fragments shorter than `tinyFragment_bytes`, the last one of a message excepted. An empty one takes
  /// `emptyFragment_tokens`, since it brings nothing at all.
  static let tinyFragments = RateLimit(burst: 1_024, perSecond: 128)
  static let tinyFragment_bytes = 32
  static let emptyFragment_tokens = 16

  /// Messages below this go out uncompressed: deflate costs several times the rest of a small frame.
  static let deflateThreshold_bytes = 128
  /// Messages above this too: deflate takes 10–20 ns a byte, and the loop's other sockets wait meanwhile.
  static let deflateCeiling_bytes = 64 << 10
  /// What a text message may grow by when compressed, for the next ones to refer back to it.
  static let deflateInvestment_bytes = 16
  /// Compressed input is unmasked and inflated in pieces of this length.
  static let inflatePiece_bytes = 16 << 10
  /// LZ77 windows (RFC 7692 §7.1.2): 4 KiB finds what repeats in short JSON frames and bounds a socket's history.
  static let windowBits = 12
  /// zlib's memory for finding matches: 2^(level + 9) bytes, cleared at each message.
  static let deflateMemoryLevel = 5
  static let deflateLevel = 3
  /// What a socket keeps for compressing is dropped after this silence.
  static let deflateIdle_s = 10

  /// One read from the socket: all sockets of a loop without TLS share one such buffer.
  static let read_bytes = 64 << 10
  /// The first read of a socket: NIO keeps that buffer as long as the socket lives.
  static let firstRead_bytes = 512
  /// Messages up to this length are handed out in a buffer that is used again.
  static let sharedMessage_bytes = 4 << 10
  /// Capacity kept of a buffer that is used again.
  static let pooledBuffer_bytes = 16 << 10
  static let pooledBuffers = 16
  static let pooledInflaters = 4
  /// A payload from this length on is written from its own buffer instead of being copied behind its header.
  static let separatePayload_bytes = 16 << 10
  /// Frames gathered in one buffer of the backlog.
  static let backlogPiece_bytes = 16 << 10
  /// Room made for a message at once; a declared length is only a promise.
  static let reserve_bytes = 64 << 10
}

/// A token bucket's parameters: `burst` tokens at first and at most, `perSecond` new ones each second.
package struct RateLimit: Sendable, Hashable {
  package var burst: Int32
  package var perSecond: Int32
  package init(burst: Int32, perSecond: Int32) {
    self.burst = burst
    self.perSecond = perSecond
  }
}

/// The bounds whose breach is reported to `WebSocketService.limitReached`; raw values are metric label values.
package enum WebSocketLimit: String, Sendable, CaseIterable {
  case message = "message"
  case outboundBuffer = "outbound_buffer"
  case controlFrames = "control_frames"
  case tinyFragments = "tiny_fragments"
  case keepalive = "keepalive"
  case closeHandshake = "close_handshake"
  case handshakeTime = "handshake_time"
  case requestHead = "request_head"
  case connections = "connections"
  case connectionsPerAddress = "connections_per_address"
  /// The process has no descriptor left for another socket.
  case descriptors = "descriptors"
}
