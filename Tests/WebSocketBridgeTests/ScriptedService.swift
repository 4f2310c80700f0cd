import ConversationAPI
import Foundation
import RPC
import Synchronization

/// The conversation service as a test wants it: answers at once, remembers the calls, and lets the test send events.
final class ScriptedService: ConversationV1.ConversationServiceHandler {
  struct State {
    var connects: [ConversationV1.ConnectRequest] = []
    var texts: [String] = []
    var requests: [String] = []
    var cancels: [ConversationV1.CancelSpeechRequest] = []
    var acknowledged: [ConversationV1.AcknowledgeEventsRequest] = []
    var segments: [ConversationV1.AudioSegment] = []
    var configs: [ConversationV1.AudioConfig] = []
    var users: [String?] = []
    var ended = 0
    /// The log: what a Connect replays after its position.
    var log: [ConversationV1.ConversationEvent] = []
    var streams: [UUID: AsyncThrowingStream<ConversationV1.ConversationEvent, any Error>.Continuation] = [:]
    /// Thrown by calls of that name, once for each entry.
    var failures: [String: [Status]] = [:]
    /// Texts that nobody answers: the test does.
    var holdsReplies = false
  }

  let state = Mutex(State())
  let expiry: Date

  init(expiry: Date = Date(timeIntervalSinceNow: 3600)) { self.expiry = expiry }

  /// Appends to the log and delivers.
  func publish(_ event: ConversationV1.ConversationEvent.Event, turn: String = "", request: String = "") {
    state.withLock { state in
      let event = ConversationV1.ConversationEvent(
        sequence: Int64(state.log.count + 1), logEpoch: "epoch",
        createTime: .init(unixMicroseconds: Int64(Date().timeIntervalSince1970 * 1e6)), turnID: turn,
        requestID: request, event: event)
      state.log.append(event)
      for stream in state.streams.values { stream.yield(event) }
    }
  }

  func ephemeral(_ event: ConversationV1.ConversationEvent.Event) {
    state.withLock { state in
      for stream in state.streams.values { stream.yield(.init(logEpoch: "epoch", event: event)) }
    }
  }

  func reply(_ pieces: [String], turn: String, message: String = "m") {
    for (index, piece) in pieces.enumerated() {
      publish(
        .agentMessage(.init(messageID: message, text: piece, index: Int32(index), total: Int32(pieces.count))),
        turn: turn)
    }
    publish(.turnCompleted(.init(kind: .reply)), turn: turn)
  }

  /// Ends every Connect stream.
  func breakStreams(_ status: Status) {
    let streams = state.withLock { state in
      defer { state.streams = [:] }
      return Array(state.streams.values)
    }
    for stream in streams { stream.finish(throwing: status) }
  }

  func fail(_ method: String, _ statuses: Status...) {
    state.withLock { $0.failures[method, default: []] += statuses }
  }

  private func check(_ method: String) throws {
    let failure = state.withLock { state -> Status? in
      guard state.failures[method]?.isEmpty == false else { return nil }
      return state.failures[method]?.removeFirst()
    }
    if let failure { throw failure }
  }

  // MARK: The service

  func whoAmI(
    _ request: ConversationV1.WhoAmIRequest, context: ServerContext
  ) async throws -> ConversationV1.WhoAmIResponse {
    try check("WhoAmI")
    guard context.metadataValue("authorization") == "Bearer good" else { throw Status(.unauthenticated, "bad token") }
    return .init(userID: "u", tokenExpireTime: .init(unixMicroseconds: Int64(expiry.timeIntervalSince1970 * 1e6)))
  }

  func connect(
    _ request: ConversationV1.ConnectRequest, to responses: ResponseWriter<ConversationV1.ConversationEvent>,
    context: ServerContext
  ) async throws {
    try check("Connect")
    let id = UUID()
    let (stream, continuation) = AsyncThrowingStream<ConversationV1.ConversationEvent, any Error>.makeStream()
    let log = state.withLock { state in
      state.connects.append(request)
      state.users.append(context.metadataValue("x-life-echo-user"))
      state.streams[id] = continuation
      return state.log
    }
    defer { state.withLock { $0.streams[id] = nil } }
    let head = Int64(log.count)
    let events: [ConversationV1.ConversationEvent.Event] = [
      .connected(.init(headSequence: head, recovered: true, created: log.isEmpty))
    ]
    for event in events { try await responses.write(.init(logEpoch: "epoch", event: event)) }
    let after: Int64 =
      if case .afterSequence(let sequence)? = request.resume?.position { sequence } else { 0 }
    for event in log where event.sequence > after { try await responses.write(event) }
    try await responses.write(.init(logEpoch: "epoch", event: .replayCompleted(.init(headSequence: head))))
    for try await event in stream { try await responses.write(event) }
  }

  func sendText(
    _ request: ConversationV1.SendTextRequest, context: ServerContext
  ) async throws -> ConversationV1.SendTextResponse {
    try check("SendText")
    let (turn, holds) = state.withLock { state in
      state.texts.append(request.text)
      state.requests.append(request.requestID)
      return ("turn-\(state.texts.count)", state.holdsReplies)
    }
    publish(
      .userMessage(.init(messageID: "u-\(turn)", text: request.text, source: .text)), turn: turn,
      request: request.requestID)
    publish(.turnStarted(.init(kind: .reply, attempt: 1)), turn: turn)
    if !holds { reply(["re: \(request.text)"], turn: turn, message: "a-\(turn)") }
    return .init(messageID: "u-\(turn)", turnID: turn, sequence: 1)
  }

  func streamAudio(
    _ requests: RequestStream<ConversationV1.StreamAudioRequest>,
    to responses: ResponseWriter<ConversationV1.StreamAudioResponse>, context: ServerContext
  ) async throws {
    var received: Set<Int32> = []
    for try await request in requests {
      switch request.request {
      case .config(let config)?: state.withLock { $0.configs.append(config) }
      case .segment(let segment)?:
        try check("StreamAudio")
        state.withLock { $0.segments.append(segment) }
        guard !segment.moreParts else { continue }
        received.insert(segment.index)
        var through: Int32 = -1
        while received.contains(through + 1) { through += 1 }
        try await responses.write(.init(durableThrough: through, state: .recording))
      case nil: break
      }
    }
  }

  func endConversation(
    _ request: ConversationV1.EndConversationRequest, context: ServerContext
  ) async throws -> ConversationV1.EndConversationResponse {
    try check("EndConversation")
    state.withLock { $0.ended += 1 }
    publish(.conversationEnded(.init()), request: request.requestID)
    return .init(sequence: 9)
  }

  func cancelSpeech(
    _ request: ConversationV1.CancelSpeechRequest, context: ServerContext
  ) async throws -> ConversationV1.CancelSpeechResponse {
    state.withLock { $0.cancels.append(request) }
    return .init(cancelEpoch: 3)
  }

  func transcribe(
    _ requests: RequestStream<ConversationV1.TranscribeRequest>, context: ServerContext
  ) async throws -> ConversationV1.TranscribeResponse {
    var count_bytes = 0
    for try await request in requests {
      if case .content(let content)? = request.request { count_bytes += content.count }
    }
    try check("Transcribe")
    return .init(text: "\(count_bytes) bytes")
  }

  func acknowledgeEvents(
    _ request: ConversationV1.AcknowledgeEventsRequest, context: ServerContext
  ) async throws -> ConversationV1.AcknowledgeEventsResponse {
    state.withLock { $0.acknowledged.append(request) }
    return .init(sequence: request.sequence)
  }

  func retryTurn(
    _ request: ConversationV1.RetryTurnRequest, context: ServerContext
  ) async throws -> ConversationV1.RetryTurnResponse {
    throw Status(.notFound, "", details: [GoogleRPC.ErrorInfo(reason: "TURN_UNKNOWN", domain: "lifeecho")])
  }

  func retryTranscription(
    _ request: ConversationV1.RetryTranscriptionRequest, context: ServerContext
  ) async throws -> ConversationV1.RetryTranscriptionResponse { .init() }

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
