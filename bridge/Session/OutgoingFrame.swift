import NIOCore

/// A frame on its way to the phone, with what its place among the others depends on.
struct OutgoingFrame {
  var bytes: ByteBuffer
  /// The event's number in the log; 0: of no event.
  var sequence: Int64 = 0
  /// A piece of a reply that is not its last one: the next frame waits.
  var isFollowedByPause = false
  /// The last piece of a reply: the phone is asked to confirm it.
  var isConfirmed = false
}
