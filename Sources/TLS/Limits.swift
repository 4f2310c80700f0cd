package import NIOCore

/// Every bound of this module, with its reason.
package enum Limits {
  /// From the open socket to the end of the handshake: a phone on a bad network needs 2–3 round trips and retransmits.
  package static let handshake = TimeAmount.seconds(10)
  /// Time an event loop spends on handshakes before its other connections have their turn. The step that crosses it is
  /// finished, so that one P-256 key exchange (≈ 0.4 ms) a turn is the usual amount.
  static let handshakesPerTurn_ns: Int64 = 250_000
  /// Bytes of a peer's handshake. OpenSSL bounds single messages (a certificate list: 100 kB); a client without a
  /// certificate sends a few hundred bytes.
  static let handshake_bytes = 256 << 10
  /// Bytes written before the handshake is done.
  static let earlyWrites_bytes = 1 << 20
  /// Handshake messages after the handshake (key updates, tickets), each of which costs key derivation: this many at
  /// first, then `lateHandshakeMessagesPerSecond`. OpenSSL's own bounds are for empty records and warnings only.
  static let lateHandshakeMessages = 64
  static let lateHandshakeMessagesPerSecond = 1

  /// Most plaintext in one record (RFC 8446 §5.1).
  static let record_bytes = 16 << 10
  /// What a record adds: header, nonce or content type, and tag, rounded up.
  static let recordOverhead_bytes = 32
  /// Ciphertext handed to the socket in one piece, and plaintext handed up in one piece.
  static let piece_bytes = 64 << 10
  /// Pieces shorter than this are copied out of the loop's buffer, so that whoever keeps one pins little.
  static let sharedPiece_bytes = 8 << 10
  /// Writes shorter than this are joined to one record.
  static let joinedWrite_bytes = 4 << 10
  /// Room for what a call writes beside data: a handshake flight with its certificates usually fits.
  static let flight_bytes = 4 << 10

  /// How long a closing connection waits until the socket took its last bytes, and a refused one until the peer has
  /// read the alert: closing at once with unread input would reset the connection and lose it.
  static let lastWords = TimeAmount.seconds(1)
  /// Lifetime of session tickets, seconds. Their key lives as long as the context, so this is about forward secrecy of
  /// TLS 1.2 resumption.
  static let ticket_s = 2 * 3600
}
