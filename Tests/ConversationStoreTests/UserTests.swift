import Conversation
import ConversationStore
import Foundation
import Interview
import PostgreSQL
import Testing

@Suite struct UserTests {
  @Test func aUserIsCreatedChangedFieldByFieldAndLeftAloneWhenNothingDiffers() async throws {
    let store = try await TestDatabase.store
    var change = UserChange(id: UserID(Person.id()))
    change.nickname = "老张"
    change.birthYear = 1950
    change.declined = [.occupation]
    let first = Timestamp(microseconds: 1_000_000)
    let (user, created) = try await store.upsertUser(change, now: first)
    #expect(created && user.profile == Profile(nickname: "老张", birthYear: 1950, declined: [.occupation]))
    #expect(user.tier == .free && user.timeZone == "Asia/Shanghai" && user.createTime == first)
    let same = try await store.upsertUser(change, now: Timestamp(microseconds: 2_000_000))
    #expect(!same.created && same.user == user)
    var more = UserChange(id: change.id)
    more.birthPlace = "苏州"
    more.grewUpPlace = "上海"
    more.occupation = "木匠"
    more.declined = []
    more.tier = .premium
    more.timeZone = "Europe/Berlin"
    let changed = try await store.upsertUser(more, now: Timestamp(microseconds: 3_000_000)).user
    #expect(
      changed.profile
        == Profile(nickname: "老张", birthYear: 1950, birthPlace: "苏州", grewUpPlace: "上海", occupation: "木匠"))
    #expect(changed.tier == .premium && changed.timeZone == "Europe/Berlin" && changed.createTime == first)
    #expect(changed.updateTime.microseconds == 3_000_000)
    #expect(try await store.user("nobody") == nil)
  }

  @Test func erasingLeavesNoRowAndTheIdsStayTaken() async throws {
    let person = try await Person()
    try await person.complete(try await person.send(request: "r").leased)
    _ = try await person.store.acknowledge(
      user: person.user, conversation: person.conversation, device: "d", sequence: 1, now: person.now)
    #expect(try await person.store.deleteUser(person.user))
    try await person.store.erase(person.user)
    #expect(try await !person.store.deleteUser(person.user))
    let tables = [
      "users", "memoir_state", "conversation_owners", "conversations", "events", "messages", "turns", "requests",
      "device_positions", "quota_usage", "memoir_outbox", "memoir_batches",
    ]
    for table in tables {
      #expect(try await person.count("SELECT count(*) FROM lifeecho.\(table) WHERE user_id = $1") == 0)
    }
    await #expect(throws: ConversationError.userUnknown) { try await person.connect() }
    await #expect(throws: ConversationError.userUnknown) { try await person.log() }
    await #expect(throws: ConversationError.userUnknown) { try await person.end() }
    #expect(try await person.store.heads(of: [(person.user, person.conversation)]) == [nil])
    var stranger = try await Person()
    stranger.conversation = person.conversation
    await #expect(throws: ConversationError.conversationForbidden) { try await stranger.connect() }
    _ = try await person.store.upsertUser(UserChange(id: person.user), now: person.now)
    await #expect(throws: ConversationError.conversationForbidden) { try await person.connect() }
  }

  @Test func commandsThatRaceWithAnErasureAreRefusedAndLeaveNothing() async throws {
    for _ in 0..<15 {
      let person = try await Person()
      try await person.send()
      let results = await (0..<24).concurrentMap { index in
        var one = person
        if index % 3 == 0 { one.conversation = ConversationID("new-\(index)-" + Person.id()) }
        if index == 12 {
          _ = try await one.store.deleteUser(one.user)
        } else if index % 4 == 1 {
          _ = try await one.connect()
        } else if let turn = try await one.send(request: RequestID("\(index)")).leased {
          var completion = one.completion(turn)
          completion.profileChanges = [.occupation]
          completion.profile.occupation = "木匠"
          _ = try await one.store.completeTurn(completion)
        }
      }
      try await person.store.erase(person.user)
      for error in results.compactMap(\.failure) {
        let refusal = error as? ConversationError
        #expect(refusal == .userUnknown || refusal == .conversationForbidden, "\(error)")
      }
      for table in ["conversations", "events", "messages", "turns", "requests", "quota_usage", "memoir_outbox"] {
        #expect(try await person.count("SELECT count(*) FROM lifeecho.\(table) WHERE user_id = $1") == 0)
      }
    }
  }

  @Test func requestsAreForgottenAfterThirtyDays() async throws {
    var person = try await Person()
    let now = person.now
    person.now.microseconds -= 31 * 86_400_000_000
    try await person.send(request: "old")
    person.now.microseconds += 2 * 86_400_000_000
    try await person.send(request: "young")
    try await person.store.pruneRequests(now: now)
    #expect(try await person.count("SELECT count(*) FROM lifeecho.requests WHERE user_id = $1") == 1)
    #expect(try await person.send(request: "young").duplicate)
    #expect(try await !person.send(request: "old").duplicate)
  }
}
