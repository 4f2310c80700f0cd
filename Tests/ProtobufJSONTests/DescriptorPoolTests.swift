import ProtobufJSON
import Testing

@Suite struct DescriptorPoolTests {
  @Test(arguments: [
    "SendText", "ConversationService/SendText", "lifeecho.conversation.v1.ConversationService/SendText",
    "/lifeecho.conversation.v1.ConversationService/SendText", "lifeecho.conversation.v1.ConversationService.SendText",
    "v1.ConversationService/SendText",
  ])
  func findsMethod(name: String) throws {
    let method = try Golden.pool.method(named: name)
    #expect(method.path == "/lifeecho.conversation.v1.ConversationService/SendText")
    #expect(method.inputType == "lifeecho.conversation.v1.SendTextRequest")
    #expect(method.outputType == "lifeecho.conversation.v1.SendTextResponse")
    #expect(!method.clientStreaming)
    #expect(!method.serverStreaming)
  }

  @Test func tellsStreaming() throws {
    let audio = try Golden.pool.method(named: "StreamAudio")
    #expect(audio.clientStreaming && audio.serverStreaming)
    let connect = try Golden.pool.method(named: "Connect")
    #expect(!connect.clientStreaming && connect.serverStreaming)
  }

  @Test func refusesShortNamesOfSeveralMethods() {
    #expect {
      try Golden.pool.method(named: "ServerReflectionInfo")
    } throws: { error in
      guard case .ambiguousMethod(_, let candidates)? = error as? JSONMappingError else { return false }
      return candidates.count == 2
    }
  }

  @Test(arguments: ["", "Nothing", "Text", "endText", "ConversationService/"])
  func refusesUnknownNames(name: String) {
    #expect {
      try Golden.pool.method(named: name)
    } throws: { error in
      guard case .unknownMethod? = error as? JSONMappingError else { return false }
      return true
    }
  }

  @Test func listsServices() {
    #expect(
      Golden.pool.services == [
        "grpc.health.v1.Health", "grpc.reflection.v1.ServerReflection", "grpc.reflection.v1alpha.ServerReflection",
        "lifeecho.conversation.v1.ConversationService", "lifeecho.memoir.v1.MemoirIngestService",
        "lifeecho.user.v1.UserService",
      ])
  }

  @Test func cutDescriptorsAreRefusedOrReadable() {
    var refused = 0
    for length in stride(from: 0, to: Golden.descriptorSet.count, by: 97) {
      do {
        _ = try DescriptorPool(fileDescriptorSet: Array(Golden.descriptorSet.prefix(length)))
      } catch {
        #expect(error == .malformedDescriptors)
        refused += 1
      }
    }
    #expect(refused > 100)
  }

  @Test func unknownType() {
    #expect(throws: JSONMappingError.unknownType("a.B")) { try Golden.pool.encodeJSON("{}", as: "a.B") }
  }
}
