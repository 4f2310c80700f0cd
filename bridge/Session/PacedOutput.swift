import DequeModule

/// The frames of replies in order, with the pauses between their pieces. A value: the end of a pause comes in as an event.
struct PacedOutput {
  private var waiting: Deque<OutgoingFrame> = []
  /// A pause is due: `pauseEnded` must follow.
  private(set) var isPausing = false

  var isEmpty: Bool { waiting.isEmpty && !isPausing }
  var count: Int { waiting.count }

  mutating func append(_ frame: OutgoingFrame) {
    waiting.append(frame)
  }

  /// The next frame to write; nil when there is none, or it must wait for the end of a pause.
  mutating func take() -> OutgoingFrame? {
    guard !isPausing, let frame = waiting.popFirst() else { return nil }
    isPausing = frame.isFollowedByPause
    return frame
  }

  mutating func pauseEnded() { isPausing = false }

  /// The lowest event number that still waits; nil when none does.
  var lowestSequence: Int64? {
    var lowest: Int64?
    for frame in waiting where frame.sequence > 0 { lowest = min(lowest ?? .max, frame.sequence) }
    return lowest
  }
}
