import ConversationAPI
import Foundation
import Testing

@Suite struct CommandIDTests {
  @Test func commandIDs() throws {
    let random = CommandID.next()
    #expect(UUID(uuidString: random)?.uuidString.lowercased() == random && CommandID.next() != random)
    let upper = "6BA7B810-9DAD-11D1-80B4-00C04FD430C8"
    #expect(CommandID.of(clientMessage: upper, in: "c") == upper.lowercased())
    let hashed = CommandID.of(clientMessage: "msg-1", in: "c")
    #expect(UUID(uuidString: hashed) != nil && hashed == CommandID.of(clientMessage: "msg-1", in: "c"))
    #expect(hashed != CommandID.of(clientMessage: "msg-1", in: "d"))
    #expect(hashed != CommandID.of(clientMessage: "msg-2", in: "c") && Array(hashed)[14] == "8")
  }
}
