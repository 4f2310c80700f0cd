import Testing

@testable import Conversation

@Suite("Page tokens")
struct PageTokenTests {
  @Test("a token gives its cursor back", arguments: [["7"], ["-1", "对话"], ["", "a.b/c+d=="]])
  func roundTrip(cursor: [String]) throws {
    let token = PageToken(method: "M", owner: "u", cursor: cursor).text
    #expect(!token.contains { "+/=".contains($0) })
    #expect(try PageToken.cursor(of: token, method: "M", owner: "u", fields: cursor.count) == cursor)
  }

  @Test("no token is no cursor")
  func empty() throws {
    #expect(try PageToken.cursor(of: "", method: "M", owner: "u", fields: 1) == nil)
  }

  @Test("a token of another list, a damaged one and junk are refused by name", arguments: ["other", "junk", "damage"])
  func refusals(kind: String) {
    let good = PageToken(method: "M", owner: "u", cursor: ["7"]).text
    let token = kind == "junk" ? "%%%" : kind == "damage" ? String(good.dropLast(3)) + "AAA" : good
    let refusal = ConversationError.fieldInvalid(
      field: "page_token", description: "is not a token from the page before of the same list")
    #expect(throws: refusal) {
      try PageToken.cursor(of: token, method: "M", owner: kind == "other" ? "stranger" : "u", fields: 1)
    }
  }
}

@Suite("Fields")
struct FieldRulesTests {
  @Test("conversation ids", arguments: [("c", true), ("", false), ("对话/1 ?", true), ("a\0b", false)])
  func conversationID(text: String, isGood: Bool) {
    #expect(((try? FieldRules.conversationID(text)) != nil) == isGood)
  }

  @Test("the longest id is taken, a longer one refused")
  func length() throws {
    _ = try FieldRules.conversationID(String(repeating: "话", count: Limits.conversationIDCharacters))
    #expect(throws: ConversationError.self) {
      try FieldRules.conversationID(String(repeating: "话", count: Limits.conversationIDCharacters + 1))
    }
  }

  @Test(
    "request ids are UUIDs, the case does not matter",
    arguments: [
      ("", nil, true), ("6F9619FF-8B86-D011-B42D-00CF4FC964FF", "6f9619ff-8b86-d011-b42d-00cf4fc964ff", true),
      ("6F9619FF8B86D011B42D00CF4FC964FF", nil, false), ("x", nil, false),
    ] as [(String, String?, Bool)])
  func requestID(text: String, stored: String?, isGood: Bool) {
    if isGood {
      #expect(try! FieldRules.requestID(text)?.rawValue == stored)
    } else {
      #expect(throws: ConversationError.self) { try FieldRules.requestID(text) }
    }
  }

  @Test("page sizes", arguments: [(0, 20), (5, 5), (100, 100), (101, 100)] as [(Int32, Int)])
  func pageSize(asked: Int32, given: Int) throws {
    #expect(try FieldRules.pageSize(asked, default: 20, maximum: 100) == given)
    #expect(throws: ConversationError.self) { try FieldRules.pageSize(-1, default: 20, maximum: 100) }
  }

  @Test("texts", arguments: ["", "  ", "\u{3000}\n\t"])
  func blank(text: String) {
    #expect(throws: ConversationError.self) { try FieldRules.message(text) }
  }

  @Test("equal payloads have equal digests, others do not, wherever the fields are cut")
  func digest() {
    func digest(_ fields: String...) -> [UInt8] {
      var digest = RequestDigest()
      for field in fields { digest.add(field) }
      return digest.bytes
    }
    #expect(digest("ab", "c") == digest("ab", "c"))
    #expect(digest("ab", "c") != digest("a", "bc"))
    #expect(digest("ab", "c").count == 16)
  }
}

@Suite("Gate and timeout")
struct GateTests {
  @Test("no more than the width run at once, and all run")
  func width() async throws {
    let gate = Gate(width: 2)
    let running = Counter()
    try await withThrowingTaskGroup(of: Void.self) { group in
      for _ in 0..<20 {
        group.addTask {
          try await gate.pass {
            await running.enter()
            await Task.yield()
            await running.leave()
          }
        }
      }
      try await group.waitForAll()
    }
    #expect(await running.most <= 2)
    #expect(await running.total == 20)
  }

  @Test("a cancelled waiter gives its place up")
  func cancellation() async throws {
    let gate = Gate(width: 1)
    try await gate.pass {
      let waiter = Task { try await gate.pass {} }
      waiter.cancel()
      await #expect(throws: CancellationError.self) { try await waiter.value }
    }
    try await gate.pass {}
  }

  @Test("an operation that is too slow is cancelled")
  func timeout() async {
    await #expect(throws: TimedOut()) {
      try await withTimeout(milliseconds: 10) { try await Task.sleep(for: .seconds(60)) }
    }
  }

  private actor Counter {
    var now = 0, most = 0, total = 0
    func enter() {
      now += 1
      total += 1
      most = max(most, now)
    }
    func leave() { now -= 1 }
  }
}
