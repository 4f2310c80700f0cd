import Conversation
import Foundation
import Interview
import Testing

@testable import Engines

/// The model client against a real llama.cpp server, which `make test` starts.
@Suite struct LlamaServerTests {
  let url: String
  let text: String

  init() throws {
    let environment = ProcessInfo.processInfo.environment
    url = try #require(environment["TEST_LLAMA_URL"], "no llama.cpp server: run the tests with `make test`")
    text = try #require(environment["TEST_LLAMA_TEXT"], "no llama.cpp server: run the tests with `make test`")
  }

  private func configuration() -> OpenAIChatConfiguration {
    var configuration = OpenAIChatConfiguration(baseURL: url, model: "tiny")
    configuration.totalTimeout = .seconds(60)
    configuration.firstTokenTimeout = .seconds(60)
    return configuration
  }

  private func withModel<Result>(
    _ configuration: OpenAIChatConfiguration, _ body: (OpenAIChatModel) async throws -> Result
  ) async throws -> Result {
    let model = OpenAIChatModel(configuration: configuration)
    do {
      let result = try await body(model)
      await model.shutdown()
      return result
    } catch {
      await model.shutdown()
      throw error
    }
  }

  private static func reply(_ model: OpenAIChatModel, to messages: [PromptMessage]) async throws -> String {
    var reply = ""
    for try await part in model.reply(to: messages) { reply += part }
    return reply
  }

  @Test func streamsChinese() async throws {
    let messages = [
      PromptMessage(.system, "你是一位耐心的访谈员。"), PromptMessage(.user, "我小时候住在河边。"),
      PromptMessage(.assistant, "那条河叫什么名字？"), PromptMessage(.user, "叫清水河👵"),
    ]
    let reply = try await withModel(configuration()) { try await Self.reply($0, to: messages) }
    #expect(reply == text)
  }

  @Test func answersMoreThanItHasSlotsFor() async throws {
    let replies = try await withModel(configuration()) { model in
      try await withThrowingTaskGroup(of: String.self) { group in
        for number in 0..<20 {
          group.addTask { try await Self.reply(model, to: [PromptMessage(.user, "第\(number)位")]) }
        }
        return try await group.reduce(into: []) { $0.append($1) }
      }
    }
    #expect(replies == Array(repeating: text, count: 20))
  }

  /// llama.cpp answers this with HTTP 400, a numeric code, and no event stream.
  @Test func contextOverflowIsFinal() async throws {
    let long = String(repeating: "很长的故事", count: 8000)
    await #expect {
      try await withModel(configuration()) { try await Self.reply($0, to: [PromptMessage(.user, long)]) }
    } throws: {
      guard case .refused(let status, let message) = $0 as? ChatModelError else { return false }
      return status == 400 && message.contains("exceed_context_size_error")
    }
  }

  @Test func aReplyCutByItsTokenLimitIsWhole() async throws {
    var configuration = configuration()
    configuration.maxTokens = 9
    let reply = try await withModel(configuration) { try await Self.reply($0, to: [PromptMessage(.user, "您好")]) }
    #expect(!reply.isEmpty && reply.count < text.count)
  }

  /// An abandoned reply frees its slot: afterwards every slot answers again.
  @Test func cancellationFreesTheSlot() async throws {
    try await withModel(configuration()) { model in
      for _ in 0..<8 {
        let reader = Task { try await Self.reply(model, to: [PromptMessage(.user, "您好")]) }
        reader.cancel()
        _ = try? await reader.value
      }
      let reply = try await Self.reply(model, to: [PromptMessage(.user, "您好")])
      #expect(reply == text)
    }
  }
}
