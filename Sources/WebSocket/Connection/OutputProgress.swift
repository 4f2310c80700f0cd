import NIOCore

/// How far a peer is with what was sent to it.
package struct OutputProgress: Sendable {
  /// Bytes that its socket here has not taken yet.
  package var waiting_bytes = 0
  /// Bytes that its kernel has confirmed since the beginning; 0 where there is no TCP.
  var confirmed_bytes: UInt64 = 0
  /// Our kernel has bytes that its kernel has not confirmed.
  var isUnconfirmed = false

  /// Something is still to be taken.
  var hasMore: Bool { waiting_bytes > 0 || isUnconfirmed }

  package func isBeyond(_ earlier: OutputProgress) -> Bool {
    waiting_bytes < earlier.waiting_bytes || confirmed_bytes > earlier.confirmed_bytes
  }
}

extension WebSocketConnection {
  /// Costs a system call.
  package var outputProgress: OutputProgress {
    let info = context?.channel.tcpInfo
    return OutputProgress(
      waiting_bytes: bufferedByteCount, confirmed_bytes: info?.confirmed_bytes ?? 0,
      isUnconfirmed: info?.isUnconfirmed ?? false)
  }
}

/// The beginning of Linux's `struct tcp_info` (tcp(7), TCP_INFO), which glibc's has not in full.
private struct TCPInfo {
  private var words: [19 of UInt64]

  /// `tcpi_bytes_acked` (RFC 4898, tcpEStatsAppHCThruOctetsAcked).
  var confirmed_bytes: UInt64 { words[15] }
  /// `tcpi_unacked` (segments) and `tcpi_notsent_bytes`.
  var isUnconfirmed: Bool { UInt32(truncatingIfNeeded: words[3]) > 0 || UInt32(truncatingIfNeeded: words[18]) > 0 }
}

extension NIOBSDSocket.Option {
  fileprivate static let tcpInfo = NIOBSDSocket.Option(rawValue: 11)
}

extension Channel {
  /// On the channel's loop, where the answer comes at once. nil: no TCP.
  fileprivate var tcpInfo: TCPInfo? {
    var info: TCPInfo?
    let answer: EventLoopFuture<TCPInfo>? = (self as? any SocketOptionProvider)?
      .unsafeGetSocketOption(level: .tcp, name: .tcpInfo)
    answer?.assumeIsolated().whenSuccess { info = $0 }
    return info
  }
}
