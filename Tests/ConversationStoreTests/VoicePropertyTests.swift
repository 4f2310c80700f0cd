import Conversation
import ConversationStore
import Foundation
import Synchronization
import Interview
import TestSupport
import Testing

/// Whatever way the segments of a recording take, it becomes the same one message.
@Suite struct VoicePropertyTests {
  /// One sending of a segment by one of several streams. `last`: marked as the last one.
  struct Sending: CustomStringConvertible {
    var stream: Int
    var index: Int
    var last: Bool
    var description: String { "\(stream):\(index)\(last ? "." : "")" }
  }

  /// The seed decides: how many segments, how many streams, repetitions, the order, and who says which is the last.
  static func plan(seed: UInt64) -> (count: Int, sendings: [Sending]) {
    var random = SeededGenerator(seed: seed)
    let count = Int.random(in: 1...24, using: &random)
    let streams = Int.random(in: 1...5, using: &random)
    var sendings = (0..<count).map {
      Sending(stream: Int.random(in: 0..<streams, using: &random), index: $0, last: $0 == count - 1)
    }
    for _ in 0..<Int.random(in: 0...count, using: &random) {
      let index = Int.random(in: 0..<count, using: &random)
      // A repetition of the last one may come without the mark, or bring it.
      sendings.append(
        Sending(
          stream: Int.random(in: 0..<streams, using: &random), index: index,
          last: index == count - 1 && Bool.random(using: &random)))
    }
    if Bool.random(using: &random), sendings.contains(where: { $0.last && $0.index == count - 1 }) {
      sendings.shuffle(using: &random)
    }
    return (count, sendings)
  }

  /// True when it became exactly the one message.
  private func holds(_ house: VoiceHouse, _ count: Int, _ sendings: [Sending], session: String) async throws -> Bool {
    let before = try await house.speaker.userMessages().count
    let streams = Dictionary(grouping: sendings, by: \.stream)
    try await withThrowingTaskGroup(of: Void.self) { group in
      for (_, list) in streams {
        group.addTask {
          let parts = list.map { AudioPart($0.index, "\(session)/\($0.index),", last: $0.last) }
          let answers = try await house.stream(parts, session: session)
          guard answers.count == parts.count, answers.allSatisfy({ $0.refusal == nil }) else { throw NeverHappened() }
        }
      }
      try await group.waitForAll()
    }
    let expected = (0..<count).map { "\(session)/\($0)," }.joined(separator: " ")
    do {
      return try await house.messages(before + 1).dropFirst(before) == [expected]
    } catch is NeverHappened {
      return false
    }
  }

  @Test(.timeLimit(.minutes(5))) func anyWayToTheSameMessage() async throws {
    let house = try await VoiceHouse { $0.workers = 8 }
    let first = ProcessInfo.processInfo.environment["VOICE_SEED"].flatMap { UInt64($0) }
    let seeds = first.map { [$0] } ?? (0..<60).map { _ in UInt64.random(in: 0 ... .max) }
    for seed in seeds {
      let (count, sendings) = Self.plan(seed: seed)
      if try await holds(house, count, sendings, session: "\(seed)") { continue }
      let smallest = try await shrink(house, count, sendings)
      Issue.record("VOICE_SEED=\(seed): \(count) segments, sent as \(smallest) by stream:index")
      return
    }
    let events = try await house.speaker.events()
    #expect(isGapless(events))
    #expect(events.filter { if case .transcriptionFailed = $0.kind { true } else { false } }.isEmpty)
  }

  /// Leaves out what is not needed to fail.
  private func shrink(_ house: VoiceHouse, _ count: Int, _ sendings: [Sending]) async throws -> [Sending] {
    var smallest = sendings
    var place = 0
    while place < smallest.count {
      var fewer = smallest
      fewer.remove(at: place)
      let isWhole = Set(fewer.map(\.index)).count == count && fewer.contains { $0.last }
      if isWhole, try await !holds(house, count, fewer, session: UUID().uuidString) {
        smallest = fewer
      } else {
        place += 1
      }
    }
    return smallest
  }
}
