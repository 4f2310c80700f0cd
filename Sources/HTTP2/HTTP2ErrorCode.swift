/// An HTTP/2 error code (RFC 9113 §7), plus two codes that never go on the wire.
package struct HTTP2ErrorCode: RawRepresentable, Sendable, Hashable {
  package let rawValue: UInt32
  package init(rawValue: UInt32) { self.rawValue = rawValue }

  package static let noError = Self(rawValue: 0x0)
  package static let protocolError = Self(rawValue: 0x1)
  package static let internalError = Self(rawValue: 0x2)
  package static let flowControlError = Self(rawValue: 0x3)
  package static let settingsTimeout = Self(rawValue: 0x4)
  package static let streamClosed = Self(rawValue: 0x5)
  package static let frameSizeError = Self(rawValue: 0x6)
  package static let refusedStream = Self(rawValue: 0x7)
  package static let cancel = Self(rawValue: 0x8)
  package static let compressionError = Self(rawValue: 0x9)
  package static let connectError = Self(rawValue: 0xa)
  package static let enhanceYourCalm = Self(rawValue: 0xb)
  package static let inadequateSecurity = Self(rawValue: 0xc)
  package static let http11Required = Self(rawValue: 0xd)

  /// Local only: the connection went away (closed, reset, timed out) while the stream was open.
  package static let connectionLost = Self(rawValue: 0xffff_ff01)

  /// Whether the code may be sent to a peer.
  var isWireCode: Bool { rawValue < 0xffff_ff00 }
}

extension HTTP2ErrorCode: CustomStringConvertible {
  package var description: String {
    switch self {
    case .noError: "NO_ERROR"
    case .protocolError: "PROTOCOL_ERROR"
    case .internalError: "INTERNAL_ERROR"
    case .flowControlError: "FLOW_CONTROL_ERROR"
    case .settingsTimeout: "SETTINGS_TIMEOUT"
    case .streamClosed: "STREAM_CLOSED"
    case .frameSizeError: "FRAME_SIZE_ERROR"
    case .refusedStream: "REFUSED_STREAM"
    case .cancel: "CANCEL"
    case .compressionError: "COMPRESSION_ERROR"
    case .connectError: "CONNECT_ERROR"
    case .enhanceYourCalm: "ENHANCE_YOUR_CALM"
    case .inadequateSecurity: "INADEQUATE_SECURITY"
    case .http11Required: "HTTP_1_1_REQUIRED"
    case .connectionLost: "connection lost"
    default: "0x" + String(rawValue, radix: 16)
    }
  }
}

/// Why a connection could not be made or a stream could not be opened.
package enum HTTP2Error: Error, Equatable {
  /// nghttp2 could not allocate a session or refused a submission; `code` is its (negative) error.
  case library(code: Int32)
  /// The connection is closed, closing, or a GOAWAY was received or sent: open the stream on another connection.
  case connectionClosing
  /// The connection has no stream identifiers left (RFC 9113 §5.1.1); those that are open go on.
  case streamIdentifiersExhausted
  /// As many streams are open as the peer allows, or as `HTTP2Configuration.maxConcurrentStreams` says.
  case tooManyStreams(limit: Int)
}
