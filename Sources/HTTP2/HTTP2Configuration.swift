/// The tunable numbers of a connection; the defaults and their reasons are in `Limits`.
package struct HTTP2Configuration: Sendable {
  /// Streams the peer may have open at once. Client: streams we open at once, when the peer allows more.
  package var maxConcurrentStreams = Limits.concurrentStreams
  /// Advertised header list size, in bytes.
  package var headerListAdvertised_bytes = Limits.headerListAdvertised_bytes
  /// Enforced header list size (name + value + 32 per field), in bytes; at most 60 KiB.
  package var headerList_bytes = Limits.headerList_bytes
  package var headerFields = Limits.headerFields
  /// CONTINUATION steps per header block. Raise it when input arrives byte by byte (tests, fuzzing).
  package var continuations = Limits.continuations
  package var resetsReceived = Limits.resetsReceived
  package var streamErrors = Limits.streamErrors
  package var controlFrames = Limits.controlFrames
  package var emptyDataFramesInARow = Limits.emptyDataFramesInARow
  package var outboundFrames = Limits.outboundFrames
  /// Receive windows, in bytes.
  package var streamWindow_bytes = Limits.streamWindow_bytes
  package var connectionWindow_bytes = Limits.connectionWindow_bytes
  /// Bytes of all streams that may be unread before the connection's window shrinks.
  package var unread_bytes = Limits.unread_bytes
  /// Send-side watermarks of one stream, in bytes.
  package var streamHighWatermark_bytes = Limits.streamHighWatermark_bytes
  package var streamLowWatermark_bytes = Limits.streamLowWatermark_bytes
  package var preface_s = Limits.preface_s
  package var shutdownNotice_s = Limits.shutdownNotice_s

  package init() {}
}
