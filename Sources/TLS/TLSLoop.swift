import NIOCore
import Synchronization

/// What the connections of one event loop share: buffers, and the time for handshakes.
///
/// `@unchecked Sendable`: everything but `for` is for the loop only.
final class TLSLoop: @unchecked Sendable {
  let eventLoop: any EventLoop
  let transport = TransportBytes()
  /// Ciphertext on its way to a socket, and plaintext on its way up. Taken while in use (`take`), so that a connection
  /// which is called from within another's call finds an empty one.
  var ciphertext = ByteBuffer()
  var plaintext = ByteBuffer()
  /// Small writes that become one record.
  var joined = ByteBuffer()

  private var budget: HandshakeBudget
  private var begun = CircularBuffer<TLSHandler>()
  private var new = CircularBuffer<TLSHandler>()
  private var isTurnScheduled = false
  /// NIO runs tasks that are added meanwhile before it looks at sockets again; only a later deadline makes it look.
  private static let nextTurn = TimeAmount.microseconds(20)

  init(_ eventLoop: any EventLoop, budget: HandshakeBudget = HandshakeBudget()) {
    self.eventLoop = eventLoop
    self.budget = budget
  }

  private static let all = Mutex<[ObjectIdentifier: TLSLoop]>([:])

  /// The same one for all connections of `eventLoop`, as long as there are any. From any thread.
  static func `for`(_ eventLoop: any EventLoop) -> TLSLoop {
    all.withLock { all in
      if let found = all[ObjectIdentifier(eventLoop)] { return found }
      removeUnused(&all)
      let made = TLSLoop(eventLoop)
      all[ObjectIdentifier(eventLoop)] = made
      return made
    }
  }

  /// Drops those that only the table holds.
  private static func removeUnused(_ all: inout [ObjectIdentifier: TLSLoop]) {
    var unused: [ObjectIdentifier] = []
    var index = all.startIndex
    while index != all.endIndex {
      if isKnownUniquelyReferenced(&all.values[index]) { unused.append(all.keys[index]) }
      all.formIndex(after: &index)
    }
    for loop in unused { all[loop] = nil }
  }

  func takeCiphertext() -> ByteBuffer {
    defer { ciphertext = ByteBuffer() }
    return ciphertext
  }

  func takePlaintext() -> ByteBuffer {
    defer { plaintext = ByteBuffer() }
    return plaintext
  }

  // MARK: Handshakes

  /// Runs the handler's handshake step now, or in a later turn of the loop when this one has done enough. Handshakes
  /// under way go before new ones: finishing them is cheap, and their peers have waited longest.
  func admit(_ handler: TLSHandler, hasBegun: Bool) {
    guard budget.isSpent || !begun.isEmpty || !new.isEmpty else { return run(handler) }
    if hasBegun { begun.append(handler) } else { new.append(handler) }
    scheduleTurn()
  }

  private func run(_ handler: TLSHandler) {
    let start = NIODeadline.now()
    handler.runHandshakeStep()
    budget.spend((NIODeadline.now() - start).nanoseconds)
    scheduleTurn()
  }

  private func scheduleTurn() {
    guard !isTurnScheduled else { return }
    isTurnScheduled = true
    eventLoop.assumeIsolated().scheduleTask(in: Self.nextTurn) { self.turn() }
  }

  private func turn() {
    isTurnScheduled = false
    budget.refill()
    while !budget.isSpent, let next = begun.popFirst() ?? new.popFirst() { run(next) }
    if !begun.isEmpty || !new.isEmpty { scheduleTurn() }
  }
}
