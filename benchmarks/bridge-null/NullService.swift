import ConversationAPI
import Foundation
import RPC
import Synchronization

/// The conversation service without a conversation: every token is a user, every text gets the same reply at once, audio
/// is acknowledged and dropped. What remains to be measured is the bridge.
struct NullService: ConversationV1.ConversationServiceHandler {
  private let mailboxes = Mailboxes()

  func whoAmI(
    _ request: ConversationV1.WhoAmIRequest, context: ServerContext
  ) async throws -> ConversationV1.WhoAmIResponse {
    let token = context.metadataValue("authorization")?.dropFirst("Bearer ".count) ?? ""
    guard !token.isEmpty else { throw Status(.unauthenticated, "no token") }
    return .init(
      userID: "user", tokenExpireTime: .init(seconds: Int64(Date().timeIntervalSince1970) + 86_400, nanos: 0))
  }

  func connect(
    _ request: ConversationV1.ConnectRequest, to responses: ResponseWriter<ConversationV1.ConversationEvent>,
    context: ServerContext
  ) async throws {
    let mailbox = mailboxes.open(request.conversationID)
    defer { mailboxes.close(request.conversationID) }
    try await responses.write(.init(logEpoch: "epoch", event: .connected(.init(recovered: true))))
    try await responses.write(.init(logEpoch: "epoch", event: .replayCompleted(.init())))
    while let events = await mailbox.next() {
      for event in events { try await responses.write(event) }
    }
  }

  func sendText(
    _ request: ConversationV1.SendTextRequest, context: ServerContext
  ) async throws -> ConversationV1.SendTextResponse {
    let turn = "turn-\(request.requestID)"
    mailboxes.find(request.conversationID)?.deliver(
      [
        .userMessage(.init(messageID: request.requestID, text: request.text, source: .text)),
        .turnStarted(.init(kind: .reply, attempt: 1)),
        .agentMessage(.init(messageID: turn, text: "我听到了。后来怎么样了?", index: 0, total: 1)),
        .turnCompleted(.init(kind: .reply)),
      ], turn: turn, request: request.requestID)
    return .init(messageID: request.requestID, turnID: turn, sequence: 1)
  }

  func streamAudio(
    _ requests: RequestStream<ConversationV1.StreamAudioRequest>,
    to responses: ResponseWriter<ConversationV1.StreamAudioResponse>, context: ServerContext
  ) async throws {
    for try await request in requests {
      guard case .segment(let segment)? = request.request, !segment.moreParts else { continue }
      try await responses.write(.init(durableThrough: segment.index, state: .recording))
    }
  }

  func endConversation(
    _ request: ConversationV1.EndConversationRequest, context: ServerContext
  ) async throws -> ConversationV1.EndConversationResponse { .init(sequence: 1) }

  func cancelSpeech(
    _ request: ConversationV1.CancelSpeechRequest, context: ServerContext
  ) async throws -> ConversationV1.CancelSpeechResponse { .init() }

  func transcribe(
    _ requests: RequestStream<ConversationV1.TranscribeRequest>, context: ServerContext
  ) async throws -> ConversationV1.TranscribeResponse {
    for try await _ in requests {}
    return .init(text: "好")
  }

  func retryTranscription(
    _ request: ConversationV1.RetryTranscriptionRequest, context: ServerContext
  ) async throws -> ConversationV1.RetryTranscriptionResponse { .init() }

  func retryTurn(
    _ request: ConversationV1.RetryTurnRequest, context: ServerContext
  ) async throws -> ConversationV1.RetryTurnResponse { .init() }

  func acknowledgeEvents(
    _ request: ConversationV1.AcknowledgeEventsRequest, context: ServerContext
  ) async throws -> ConversationV1.AcknowledgeEventsResponse { .init(sequence: request.sequence) }

  func getConversation(
    _ request: ConversationV1.GetConversationRequest, context: ServerContext
  ) async throws -> ConversationV1.GetConversationResponse { .init() }

  func listConversations(
    _ request: ConversationV1.ListConversationsRequest, context: ServerContext
  ) async throws -> ConversationV1.ListConversationsResponse { .init() }

  func deleteConversation(
    _ request: ConversationV1.DeleteConversationRequest, context: ServerContext
  ) async throws -> ConversationV1.DeleteConversationResponse { .init() }

  func listMessages(
    _ request: ConversationV1.ListMessagesRequest, context: ServerContext
  ) async throws -> ConversationV1.ListMessagesResponse { .init() }

  func getVoiceSession(
    _ request: ConversationV1.GetVoiceSessionRequest, context: ServerContext
  ) async throws -> ConversationV1.GetVoiceSessionResponse { .init() }
}

/// The open Connect streams by conversation.
private final class Mailboxes: Sendable {
  private let open = Mutex<[String: Mailbox]>([:])

  func open(_ conversation: String) -> Mailbox {
    let mailbox = Mailbox()
    open.withLock { $0[conversation] = mailbox }
    return mailbox
  }

  func find(_ conversation: String) -> Mailbox? { open.withLock { $0[conversation] } }

  func close(_ conversation: String) { open.withLock { $0[conversation] = nil } }
}

/// Events on their way to one Connect stream.
private final class Mailbox: Sendable {
  private struct State {
    var events: [ConversationV1.ConversationEvent] = []
    var sequence: Int64 = 0
    var reader: UnsafeContinuation<[ConversationV1.ConversationEvent]?, Never>?
    var isClosed = false
  }

  private let state = Mutex(State())

  func deliver(_ contents: [ConversationV1.ConversationEvent.Event], turn: String, request: String) {
    let (reader, events) = state.withLock { state -> (Reader?, [ConversationV1.ConversationEvent]) in
      for content in contents {
        state.sequence += 1
        state.events.append(
          .init(sequence: state.sequence, logEpoch: "epoch", turnID: turn, requestID: request, event: content))
      }
      guard let reader = state.reader else { return (nil, []) }
      defer {
        state.reader = nil
        state.events = []
      }
      return (reader, state.events)
    }
    reader?.resume(returning: events)
  }

  private typealias Reader = UnsafeContinuation<[ConversationV1.ConversationEvent]?, Never>

  /// nil when the stream was cancelled.
  func next() async -> [ConversationV1.ConversationEvent]? {
    let waiting = state.withLock { state in
      defer { state.events = [] }
      return state.events
    }
    guard waiting.isEmpty else { return waiting }
    return await withTaskCancellationHandler {
      await withUnsafeContinuation { continuation in
        let ready = state.withLock { state -> [ConversationV1.ConversationEvent]?? in
          if state.isClosed { return .some(nil) }
          guard state.events.isEmpty else {
            defer { state.events = [] }
            return state.events
          }
          state.reader = continuation
          return nil
        }
        if let ready { continuation.resume(returning: ready) }
      }
    } onCancel: {
      let reader = state.withLock { state in
        state.isClosed = true
        defer { state.reader = nil }
        return state.reader
      }
      reader?.resume(returning: nil)
    }
  }
}
