package import Conversation
package import ConversationAPI
package import RPC

/// `lifeecho.conversation.v1.ConversationService`: reads the call, asks the application, writes the answer.
package struct ConversationHandler: ConversationV1.ConversationServiceHandler {
  let service: ConversationService
  let voice: VoiceSessions

  package init(service: ConversationService, voice: VoiceSessions) {
    self.service = service
    self.voice = voice
  }

  package func whoAmI(
    _ request: ConversationV1.WhoAmIRequest, context: ServerContext
  ) async throws -> ConversationV1.WhoAmIResponse {
    let caller = try context.caller()
    if let user = caller.user { _ = try await service.requireUser(user) }
    return ConversationV1.WhoAmIResponse(
      userID: caller.user?.rawValue ?? "", tokenExpireTime: .init(caller.tokenExpiry), service: caller.isService,
      scopes: caller.scopes)
  }

  package func connect(
    _ request: ConversationV1.ConnectRequest, to responses: ResponseWriter<ConversationV1.ConversationEvent>,
    context: ServerContext
  ) async throws {
    guard let stream = try await open(request, responses, context) else { return }
    try await service.follow(stream)
  }

  /// A task keeps the deepest stack it ever had, for as long as it lives: the way to an open stream is a child of its
  /// own and no part of `connect`'s frame, so that an idle stream holds little.
  @inline(never)
  private func open(
    _ request: ConversationV1.ConnectRequest, _ responses: ResponseWriter<ConversationV1.ConversationEvent>,
    _ context: ServerContext
  ) async throws -> OpenStream? {
    try await inChildTask {
      let caller = try context.caller()
      let call = Connect(request, expires: caller.tokenEnd)
      let user = try context.user()
      if let speech = call.speech { try announce(speech, context) }
      return try await context.tracing {
        try await service.connect(user, call) { output in
          try await responses.write(ConversationV1.ConversationEvent(output, forService: caller.isService))
          // A cancel must not be acknowledged while a chunk is queued: see CancelSpeech.
          if case .speechChunk = output.event { try await responses.flush() }
        }
      }
    }
  }

  package func sendText(
    _ request: ConversationV1.SendTextRequest, context: ServerContext
  ) async throws -> ConversationV1.SendTextResponse {
    let call = SendText(
      conversation: request.conversationID, text: request.text, request: request.requestID, chip: request.chipID,
      clientTime: try Timestamp(request.clientTime, field: "client_time"))
    let mode: ReplyMode = request.replyMode == .wait ? .wait(deadline: context.deadline) : .acknowledge
    let user = try context.user()
    let sent = try await context.tracing { try await service.sendText(user, call, mode: mode) }
    return ConversationV1.SendTextResponse(
      messageID: sent.message.rawValue, turnID: sent.turn.rawValue, sequence: sent.sequence,
      duplicate: sent.duplicate, turnState: .init(sent.state), replies: sent.replies.map { .init($0) },
      quota: .init(sent.quota), turnError: sent.failure.map { .init($0) })
  }

  package func endConversation(
    _ request: ConversationV1.EndConversationRequest, context: ServerContext
  ) async throws -> ConversationV1.EndConversationResponse {
    let (sequence, duplicate) = try await service.endConversation(
      try context.user(), conversation: request.conversationID, request: request.requestID)
    return ConversationV1.EndConversationResponse(sequence: sequence, duplicate: duplicate)
  }

  package func retryTurn(
    _ request: ConversationV1.RetryTurnRequest, context: ServerContext
  ) async throws -> ConversationV1.RetryTurnResponse {
    let user = try context.user()
    let (state, attempt) = try await context.tracing {
      try await service.retryTurn(
        user, conversation: request.conversationID, turn: request.turnID, request: request.requestID)
    }
    return ConversationV1.RetryTurnResponse(turnState: .init(state), attempt: Int32(clamping: attempt))
  }

  package func acknowledgeEvents(
    _ request: ConversationV1.AcknowledgeEventsRequest, context: ServerContext
  ) async throws -> ConversationV1.AcknowledgeEventsResponse {
    let stored = try await service.acknowledge(
      try context.user(), conversation: request.conversationID, device: request.deviceID, sequence: request.sequence)
    return ConversationV1.AcknowledgeEventsResponse(sequence: stored)
  }

  package func getConversation(
    _ request: ConversationV1.GetConversationRequest, context: ServerContext
  ) async throws -> ConversationV1.GetConversationResponse {
    let record = try await service.conversation(try context.user(), conversation: request.conversationID)
    return ConversationV1.GetConversationResponse(conversation: .init(record))
  }

  package func listConversations(
    _ request: ConversationV1.ListConversationsRequest, context: ServerContext
  ) async throws -> ConversationV1.ListConversationsResponse {
    let page = try await service.conversations(
      try context.user(), pageSize: request.pageSize, pageToken: request.pageToken)
    return ConversationV1.ListConversationsResponse(
      conversations: page.items.map { .init($0) }, nextPageToken: page.nextToken)
  }

  package func deleteConversation(
    _ request: ConversationV1.DeleteConversationRequest, context: ServerContext
  ) async throws -> ConversationV1.DeleteConversationResponse {
    try await service.deleteConversation(
      try context.user(), conversation: request.conversationID, request: request.requestID)
    return ConversationV1.DeleteConversationResponse()
  }

  package func listMessages(
    _ request: ConversationV1.ListMessagesRequest, context: ServerContext
  ) async throws -> ConversationV1.ListMessagesResponse {
    let page = try await service.messages(
      try context.user(), conversation: request.conversationID, pageSize: request.pageSize,
      pageToken: request.pageToken)
    return ConversationV1.ListMessagesResponse(
      messages: page.items.map { .init($0) }, nextPageToken: page.nextToken)
  }
}

extension ServerContext {
  /// Runs what may start a turn, so that the turn knows its call.
  fileprivate func tracing<R>(_ operation: () async throws -> R) async rethrows -> R {
    let trace = CallTrace(requestID: requestID, traceparent: traceparent?.child().description)
    return try await CallTrace.$current.withValue(trace, operation: operation)
  }
}

extension Connect {
  fileprivate init(_ request: ConversationV1.ConnectRequest, expires: Conversation.Timestamp) {
    self.init(
      conversation: request.conversationID, interactive: request.intent == .interactive,
      resume: .init(request.resume), device: request.deviceID, untilTurn: request.untilTurnID, expires: expires,
      speech: request.speech.map { Speech(format: $0.format, voice: $0.voice) })
  }
}

extension Connect.Resume {
  init(_ resume: ConversationV1.Resume?) {
    switch resume?.position {
    case nil where resume == nil: self = .live
    case nil: self = .after(sequence: 0, epoch: resume?.logEpoch ?? "")
    case .afterSequence(let sequence): self = .after(sequence: sequence, epoch: resume?.logEpoch ?? "")
    case .fromAcknowledged: self = .fromAcknowledged(epoch: resume?.logEpoch ?? "")
    }
  }
}
