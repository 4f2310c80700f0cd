/// Every bound of the RPC target: the number, why, and where it comes from.
package enum Limits {
  /// Longest message taken or sent, without the 5-byte prefix: gRPC's customary default (grpc-go, C-core, Java).
  package static let message_bytes = 4 << 20
  /// Length of the prefix before each message: a flag and a 32-bit length (PROTOCOL-HTTP2.md).
  package static let messagePrefix_bytes = 5
  /// Messages up to this length are put together next to each other; each longer one in memory of its own. A quarter of a
  /// stream's window: what is kept beside unread bytes stays below them.
  package static let reassemblyShared_bytes = 16 << 10
  /// Most memory that a message is given before its bytes have come, so that what a peer merely announces costs little.
  /// Segments of audio (32 KiB to 128 KiB) are put together without moving.
  package static let reassemblyAhead_bytes = 256 << 10
  /// Messages longer than this would push a trailer block over peers' 8 KiB header limits when escaped (A6 §2).
  package static let statusMessage_bytes = 1024
  /// Serialized `google.rpc.Status` in trailers: base64 adds a third, and peers take 8 KiB of headers.
  package static let statusDetails_bytes = 4096
  /// Most digits of a `grpc-timeout` (PROTOCOL-HTTP2.md).
  package static let timeoutDigits = 8
  /// Bytes of unfinished unary requests that one connection may make the server hold: nobody has been asked for a token
  /// yet. Four of the longest messages.
  package static let connectionRequests_bytes = 16 << 20
  /// The same for all connections of a server.
  package static let serverRequests_bytes = 256 << 20
  /// Unfinished requests up to this size are taken even then, so that usual calls get through.
  package static let smallRequest_bytes = 64 << 10
  /// How long a writer waits for a client that reads nothing, on a call without a deadline: twice the usual time of a
  /// lost connection to be noticed. Then the stream is reset, seconds.
  package static let unreadResponses_s: Int64 = 60
  /// What the client of an ended call must have taken of its answer in each such time.
  package static let unreadProgress_bytes = 4 << 10
  /// Longest `x-request-id` taken from a peer; longer or unprintable ones are replaced by a new id.
  package static let requestID_bytes = 128
  /// Messages waiting between the two sides of an in-process call, in each direction, before the writer suspends.
  package static let inProcessMessages = 16
  /// Connections of one server at a time: with 64 KiB windows and buffers each, 10,000 stay below 2 GiB.
  package static let connections = 10_000
  /// A connection that has had no call for this time is closed (gRFC A9, MAX_CONNECTION_IDLE; there without end), seconds:
  /// clients connect again when they need to.
  package static let connectionIdle_s: Int64 = 30 * 60
  /// How often a server looks whether it refused connections or has no room for more, seconds. It then sends those away
  /// that have had no call since it looked before.
  package static let room_s: Int64 = 5
  /// TCP keepalive of accepted connections: the first probe after this silence, then one each interval, seconds. A peer
  /// that is gone is noticed within four minutes.
  package static let keepaliveIdle_s = 120
  package static let keepaliveInterval_s = 30
  package static let keepaliveProbes = 4
  /// Calls that wait for a connection of one client channel; more fail with UNAVAILABLE at once.
  package static let waitingCalls = 10_000
  /// Watchers of one health registry; more are refused with RESOURCE_EXHAUSTED.
  package static let healthWatchers = 1024
  /// Services in one Health.List response (health.proto asks servers to bound it).
  package static let healthListedServices = 100
  /// Accepted but not yet finished calls of one server; the default of `ConcurrencyLimitInterceptor`.
  package static let concurrentCalls = 10_000
  /// Path component of a Unix socket address (sun_path is 108 bytes with the closing NUL).
  package static let unixSocketPath_bytes = 107
  /// Backoff before reconnecting (grpc/doc/connection-backoff.md), seconds; jitter ±20 %.
  package static let reconnectInitial_s = 1.0
  package static let reconnectMaximum_s = 120.0
  package static let reconnectMultiplier = 1.6
  package static let reconnectJitter = 0.2
  /// Time for one connection attempt (connection-backoff.md: MIN_CONNECT_TIMEOUT 20 s), seconds.
  package static let connectTimeout_s: Int64 = 20
  /// How long a stopping server waits for clients that have not finished a request, seconds.
  package static let unfinishedRequests_s: Int64 = 2
  /// How long a stopping server waits for handlers that were cancelled, seconds.
  package static let cancelledHandlers_s: Int64 = 5
}
