import ArgumentParser
import ConversationAPI
import Foundation
import RPC
import Synchronization

struct ChatCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "chat", abstract: "Hold a conversation in the terminal.",
    discussion: "Type what you want to say; a number takes a suggestion; an empty line or Ctrl-D leaves.")

  @Option(help: "Who speaks; see `lifeecho token --create`.")
  var user: String

  @Option(help: "The conversation to go on with.")
  var conversation: String?

  @OptionGroup var server: ServerOptions

  func run() async throws {
    try await reportingFailure {
      let token = try await server.token(user: user, ttl: .seconds(12 * 3600))
      let id = conversation ?? "chat-\(user)"
      try await server.withChannel { channel in
        let session = ChatSession(
          client: ConversationV1.ConversationServiceClient(channel), conversation: id,
          options: CallOptions(token: token))
        try await session.run()
      }
    }
  }
}

/// One terminal conversation: shows what happens, sends what is typed, connects again after a loss.
private final class ChatSession: Sendable {
  /// So much of what was said before is shown: the newest messages. ListMessages gives as many at once.
  private static let historyMessages: Int32 = 200

  private let client: ConversationV1.ConversationServiceClient
  private let conversation: String
  private let options: CallOptions
  private let state = Mutex(State())

  private struct State {
    var lastSequence: Int64?
    var epoch = ""
    var chips: [ConversationV1.Suggestion] = []
    var endedTurns: Set<String> = []
    var waiter: (turn: String, continuation: CheckedContinuation<Void, Never>)?
  }

  init(client: ConversationV1.ConversationServiceClient, conversation: String, options: CallOptions) {
    self.client = client
    self.conversation = conversation
    self.options = options
  }

  func run() async throws {
    try await showHistory()
    let (connected, signal) = AsyncStream.makeStream(of: Void.self)
    let events = Task { try await self.follow(connected: signal) }
    defer { events.cancel() }
    for await _ in connected { break }
    for await line in Terminal.lines() {
      let text = line.trimmingCharacters(in: .whitespaces)
      if text.isEmpty { break }
      do {
        try await send(text)
      } catch let status as Status {
        show("! \(status.detail(GoogleRPC.LocalizedMessage.self)?.message ?? status.message)")
      }
    }
  }

  private func showHistory() async throws {
    do {
      var (history, count, token): ([ConversationV1.Message], Int, String) = ([], 0, "")
      repeat {
        let page = try await client.listMessages(
          .init(conversationID: conversation, pageSize: Self.historyMessages, pageToken: token), options: options)
        count += page.messages.count
        history = (history + page.messages).suffix(Int(Self.historyMessages))
        token = page.nextPageToken
      } while !token.isEmpty
      if count > history.count { show("(\(count - history.count) earlier messages)") }
      for message in history {
        show(message.role == .user ? "您> \(message.text)" : message.text)
      }
      state.withLock { $0.lastSequence = nil }
    } catch let status as Status where status.code == .notFound {
      show("(a new conversation: \(conversation))")
    }
  }

  private func send(_ text: String) async throws {
    let chip = state.withLock { state -> ConversationV1.Suggestion? in
      guard let number = Int(text), state.chips.indices.contains(number - 1) else { return nil }
      return state.chips[number - 1]
    }
    let request = ConversationV1.SendTextRequest(
      conversationID: conversation, text: chip?.text ?? text, requestID: CommandID.next(),
      chipID: chip?.chipID ?? "", replyMode: .wait)
    if let chip { show("您> \(chip.text)") }
    var options = self.options
    options.timeout = .seconds(90)
    let response = try await client.sendText(request, options: options)
    await shown(response.turnID)
  }

  /// Returns when the turn's end has been shown: the answer to SendText may be quicker than the event stream.
  private func shown(_ turn: String) async {
    await withCheckedContinuation { continuation in
      let isShown = state.withLock { state in
        if state.endedTurns.contains(turn) { return true }
        state.waiter = (turn, continuation)
        return false
      }
      if isShown { continuation.resume() }
    }
  }

  private func ended(_ turn: String) {
    let waiter = state.withLock { state -> CheckedContinuation<Void, Never>? in
      state.endedTurns.insert(turn)
      guard let waiter = state.waiter, waiter.turn == turn else { return nil }
      state.waiter = nil
      return waiter.continuation
    }
    waiter?.resume()
  }

  private func follow(connected: AsyncStream<Void>.Continuation) async throws {
    while !Task.isCancelled {
      do {
        for try await event in client.connect(connectRequest(), options: options) {
          handle(event)
          if case .replayCompleted = event.event { connected.yield() }
        }
        return
      } catch let status as Status where status.code == .unavailable {
        try await Task.sleep(for: .seconds(1))
      } catch let status as Status where status.code != .cancelled {
        show("! \(status)")
        connected.finish()
        throw status
      }
    }
  }

  private func connectRequest() -> ConversationV1.ConnectRequest {
    state.withLock { state in
      ConversationV1.ConnectRequest(
        conversationID: conversation, intent: .interactive,
        resume: state.lastSequence.map {
          ConversationV1.Resume(position: .afterSequence($0), logEpoch: state.epoch)
        })
    }
  }

  private func handle(_ event: ConversationV1.ConversationEvent) {
    state.withLock { state in
      state.epoch = event.logEpoch
      if event.sequence > 0 { state.lastSequence = event.sequence }
    }
    switch event.event {
    case .connected(let connected)?:
      state.withLock { if $0.lastSequence == nil { $0.lastSequence = connected.headSequence } }
    case .agentMessage(let piece)?:
      show(piece.text)
    case .topicSuggestions(let suggestions)?:
      state.withLock { $0.chips = suggestions.suggestions }
      show(suggestions.suggestions.enumerated().map { "  [\($0 + 1)] \($1.text)" }.joined(separator: "\n"))
    case .turnCompleted?:
      ended(event.turnID)
    case .turnFailed?:
      show("! 处理失败,请重试")
      ended(event.turnID)
    case .goAway?:
      show("(reconnecting)")
    default:
      break
    }
  }

  private func show(_ text: String) { Terminal.show(text) }
}
