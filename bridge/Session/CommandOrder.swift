/// Keeps the answers to a phone's commands in the order the commands came in: what a later one causes is held until the
/// earlier ones are finished (LEGACY §4). A value.
struct CommandOrder {
  typealias ID = UInt32

  private struct Slot {
    var id: ID
    /// How events name the command.
    var request: String
    var turn: String?
    /// Of an audio message: the session made for it, and its `duration` as it is sent back.
    var session: String?
    var echo: String?
    var isFinished = false
    var held: [OutgoingFrame] = []
  }

  /// False in protocol 2, whose frames come in the order of the log.
  private let isStrict: Bool
  private var slots: [Slot] = []
  private var nextID: ID = 0

  init(isStrict: Bool) { self.isStrict = isStrict }

  var isEmpty: Bool { slots.isEmpty }
  var count: Int { slots.count }
  var first: ID? { slots.first?.id }

  /// A command came in.
  mutating func begin(request: String = "", session: String? = nil, echo: String? = nil) -> ID {
    nextID &+= 1
    slots.append(Slot(id: nextID, request: request, session: session, echo: echo))
    return nextID
  }

  private func index(_ id: ID) -> Int? { slots.firstIndex { $0.id == id } }

  /// False when the command is finished.
  func contains(_ id: ID) -> Bool { slots.contains { $0.id == id && !$0.isFinished } }

  func hasTurn(_ id: ID) -> Bool { slots.contains { $0.id == id && $0.turn?.isEmpty == false } }

  /// The command that caused an event of this turn.
  func id(turn: String) -> ID? {
    turn.isEmpty ? nil : slots.first { $0.turn == turn && !$0.isFinished }?.id
  }

  func id(request: String) -> ID? {
    request.isEmpty ? nil : slots.first { $0.request == request }?.id
  }

  func id(session: String) -> (id: ID, echo: String)? {
    slots.first { $0.session == session }.map { ($0.id, $0.echo ?? "0") }
  }

  mutating func set(turn: String, of id: ID) {
    if let index = index(id) { slots[index].turn = turn }
  }

  /// A frame that the command caused; nil: it is held back.
  mutating func pass(_ frame: OutgoingFrame, of id: ID) -> OutgoingFrame? {
    guard isStrict, let index = index(id), index > 0 else { return frame }
    slots[index].held.append(frame)
    return nil
  }

  /// The command has all its frames; the frames that come out now.
  mutating func finish(_ id: ID) -> [OutgoingFrame] {
    guard let index = index(id) else { return [] }
    if !isStrict {
      slots.remove(at: index)
      return []
    }
    slots[index].isFinished = true
    var released: [OutgoingFrame] = []
    while let first = slots.first, first.isFinished {
      slots.removeFirst()
      if let next = slots.first {
        released += next.held
        slots[0].held = []
      }
    }
    return released
  }

  /// The lowest event number that is held back; nil when none is.
  var lowestSequence: Int64? {
    var lowest: Int64?
    for slot in slots {
      for frame in slot.held where frame.sequence > 0 { lowest = min(lowest ?? .max, frame.sequence) }
    }
    return lowest
  }
}
