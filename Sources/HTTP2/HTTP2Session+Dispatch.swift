import NIOCore

extension HTTP2Session {
  /// Delivers collected events, those that arise meanwhile too. Not reentrant: a nested call leaves it to the outer.
  func dispatch() {
    guard !isDispatching, !isInsideLibrary else { return }
    isDispatching = true
    defer { isDispatching = false }
    repeat {
      dispatchConnectionEvents()
      var index = 0
      while index < readyStreams.count {
        let stream = readyStreams[index]
        index += 1
        stream.flags.remove(.ready)
        deliver(stream)
      }
      readyStreams.removeAll(keepingCapacity: readyStreams.capacity <= 64)
    } while hasConnectionEvents
  }

  /// What was delivered is about to be overwritten.
  func endInput() {
    for (stream, handler) in inputHolders {
      stream.flags.remove(.holdsInput)
      handler.inputEnds()
    }
    inputHolders.removeAll(keepingCapacity: inputHolders.capacity <= 64)
  }

  private var hasConnectionEvents: Bool {
    isReadyPending || pendingGoAway != nil || !pendingPings.isEmpty || !pendingLimits.isEmpty
  }

  private func dispatchConnectionEvents() {
    guard hasConnectionEvents else { return }
    if isReadyPending {
      isReadyPending = false
      owner?.sessionReady()
    }
    while !pendingLimits.isEmpty { owner?.limitReached(pendingLimits.removeFirst()) }
    while !pendingPings.isEmpty { owner?.pingAcknowledged(pendingPings.removeFirst()) }
    if let (lastStreamID, code) = pendingGoAway {
      pendingGoAway = nil
      owner?.goAwayReceived(lastStreamID: lastStreamID, code: code)
    }
  }

  private func deliver(_ stream: HTTP2Stream) {
    if stream.flags.contains(.headersPending) {
      stream.flags.remove(.headersPending)
      // A request that was reset in the burst that opened it is never shown to anybody.
      let isWorthwhile = role == .client || stream.flags.isDisjoint(with: [.closed, .resetSubmitted])
      if isWorthwhile, stream.handler == nil, role == .server { stream.handler = owner?.accept(stream) }
      if isWorthwhile { deliverHeaders(stream) }
    }
    guard let handler = stream.handler else {
      stream.pendingData = PendingData()
      return
    }
    if deliverable(stream) { deliverBody(stream, handler) }
    if deliverable(stream) { deliverTrailers(stream, handler) }
    if stream.flags.contains(.writabilityPending) {
      stream.flags.remove(.writabilityPending)
      if stream.flags.isDisjoint(with: [.closed, .resetSubmitted]) { handler.writabilityChanged(stream) }
    }
    if stream.flags.contains(.closed) { deliverClosed(stream) }
  }

  /// A stream we reset, or that failed, delivers nothing but `closed`; a client still gets what came before a reset.
  private func deliverable(_ stream: HTTP2Stream) -> Bool {
    guard stream.flags.contains(.headersDelivered), !stream.flags.contains(.resetSubmitted) else { return false }
    return !stream.flags.contains(.closed) || stream.closeCode == .noError || role == .client
  }

  private func deliverHeaders(_ stream: HTTP2Stream) {
    guard let handler = stream.handler else { return }
    stream.flags.insert(.headersDelivered)
    let ends =
      stream.flags.contains(.remoteEnded) && stream.pendingData.isEmpty
      && !stream.flags.contains(.trailersPending)
    if ends { stream.flags.insert(.endDelivered) }
    handler.receivedHeaders(stream, endStream: ends)
  }

  private func deliverBody(_ stream: HTTP2Stream, _ handler: any HTTP2StreamHandler) {
    let ends =
      stream.flags.contains(.remoteEnded) && !stream.flags.contains(.trailersPending)
      && !stream.flags.contains(.endDelivered)
    while let data = stream.pendingData.popFirst() {
      let isEnd = ends && stream.pendingData.isEmpty
      if isEnd { stream.flags.insert(.endDelivered) }
      if !stream.flags.contains(.holdsInput) {
        stream.flags.insert(.holdsInput)
        inputHolders.append((stream, handler))
      }
      handler.receivedData(stream, data, endStream: isEnd)
      // It may have reset the stream, which then delivers nothing but its end.
      guard !stream.flags.contains(.resetSubmitted) else { return stream.pendingData = PendingData() }
      if isEnd { return }
    }
    guard ends else { return }
    stream.flags.insert(.endDelivered)
    handler.receivedData(stream, ByteBuffer(), endStream: true)
  }

  private func deliverTrailers(_ stream: HTTP2Stream, _ handler: any HTTP2StreamHandler) {
    guard stream.flags.contains(.trailersPending) else { return }
    stream.flags.remove(.trailersPending)
    stream.flags.insert(.endDelivered)
    let trailers = stream.pendingTrailers
    stream.pendingTrailers = HeaderBlock()
    handler.receivedTrailers(stream, trailers)
  }

  private func deliverClosed(_ stream: HTTP2Stream) {
    stream.session = nil
    stream.pendingData = PendingData()
    guard let handler = stream.handler else { return }
    stream.handler = nil
    handler.closed(stream, stream.closeCode)
  }
}
