import Testing

@testable import Conversation

@Suite("How long parts may take")
struct PartPatienceTests {
  private let whole_ms = Limits.partPatience_ms

  @Test("who brings enough in each such time may take as long as it needs")
  func steady() {
    var patience = PartPatience(arrived_bytes: 100)
    for round in 1...10 {
      let isEarlyFast = patience.waited(whole_ms - 1, arrived_bytes: 0)
      #expect(isEarlyFast && patience.left_ms == 1)
      let isFast = patience.waited(1, arrived_bytes: 100 + round * Limits.partProgress_bytes)
      #expect(isFast && patience.left_ms == whole_ms)
    }
  }

  @Test("too little is not enough, in however many parts it comes", arguments: [0, 1, Limits.partProgress_bytes - 1])
  func slow(_ more_bytes: Int) {
    var patience = PartPatience(arrived_bytes: 7)
    let fast = (1...30).map { _ in patience.waited(whole_ms / 30, arrived_bytes: 7 + more_bytes) }
    #expect(fast == Array(repeating: true, count: 29) + [false])
  }

  @Test("a part that is there takes nothing of it, and what was waited for one counts for the next")
  func parts() async throws {
    var patience = PartPatience(arrived_bytes: 0)
    let first = try await patience.next({ 1 }, arrived_bytes: { 0 })
    #expect(first == 1 && patience.left_ms > whole_ms / 2)
    _ = patience.waited(whole_ms - 20, arrived_bytes: 0)
    do {
      _ = try await patience.next(
        {
          try await Task.sleep(for: .seconds(3600))
          return 2
        }, arrived_bytes: { Limits.partProgress_bytes - 1 })
      Issue.record("nobody lost patience")
    } catch is TimedOut {}
  }
}
