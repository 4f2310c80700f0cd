import Testing

@testable import RPC

@Suite struct CallStateTests {
  @Test func serverStreamsAResponse() {
    var state = ServerCallState()
    #expect(state.start() == .run)
    #expect(state.start() == .ignore)
    #expect(state.sendMessage() == .sendHeadAndMessage)
    #expect(state.sendMessage() == .sendMessage)
    #expect(state.endRequest() == .deliverEnd)
    #expect(state.endRequest() == .ignore)
    #expect(state.finish() == .sendTrailers)
    #expect(state.finish() == .ignore)
    #expect(state.sendMessage() == .refuse)
    #expect(state.closed() == .nothing)
  }

  @Test func serverFailsBeforeTheFirstMessage() {
    var state = ServerCallState()
    #expect(state.finish() == .sendTrailersOnly)
    #expect(!state.canRespond)
    #expect(state.start() == .ignore)
  }

  @Test func serverHandlerIsCancelledWhenTheStreamGoes() {
    var state = ServerCallState()
    _ = state.start()
    #expect(state.closed() == .cancelHandler)
    #expect(state.closed() == .nothing)
    #expect(state.finish() == .ignore)
    #expect(state.sendMessage() == .refuse)
    #expect(state.requestEnded)
  }

  @Test func clientCallEnds() {
    var state = ClientCallState(isRepeatable: true)
    #expect(state.isWaiting)
    #expect(state.opened() == true)
    #expect(state.opened() == false)
    #expect(state.endRequest() == true)
    #expect(state.endRequest() == false)
    #expect(state.receivedHead() == true)
    #expect(state.receivedHead() == false)
    #expect(state.receivedStatus(.ok) == .end)
    #expect(state.status == .ok)
    #expect(state.closed(Status(.internal), isRefused: false) == .ignore)
  }

  @Test func clientResetsWhenTheServerEndsFirst() {
    var state = ClientCallState(isRepeatable: false)
    _ = state.opened()
    #expect(state.receivedStatus(Status(.aborted)) == .endAndReset)
  }

  @Test func refusedCallIsRepeatedOnce() {
    var state = ClientCallState(isRepeatable: true)
    _ = state.opened()
    #expect(state.closed(Status(.unavailable), isRefused: true) == .retry)
    #expect(state.isWaiting)
    _ = state.opened()
    #expect(state.closed(Status(.unavailable), isRefused: true) == .end)
    #expect(state.status?.code == .unavailable)
  }

  @Test(arguments: [(false, false), (true, true)])
  func refusedStreamingOrAnsweredCallIsNotRepeated(isRepeatable: Bool, headReceived: Bool) {
    var state = ClientCallState(isRepeatable: isRepeatable)
    _ = state.opened()
    if headReceived { _ = state.receivedHead() }
    #expect(state.closed(Status(.unavailable), isRefused: true) == .end)
  }

  @Test func abortCountsOnce() {
    var waiting = ClientCallState(isRepeatable: true)
    #expect(waiting.abort(.deadlinePassed) == .end)
    #expect(waiting.abort(Status(.cancelled)) == .ignore)
    #expect(waiting.status == .deadlinePassed)
    #expect(waiting.opened() == false)
    var open = ClientCallState(isRepeatable: true)
    _ = open.opened()
    #expect(open.abort(.deadlinePassed) == .endAndReset)
    #expect(open.receivedStatus(.ok) == .ignore)
  }
}

@Suite struct ConnectivityStateTests {
  @Test func connectsOnDemand() {
    var state = ConnectivityState()
    #expect(state.callStarted(waitForReady: false) == .connectAndWait)
    #expect(state.callStarted(waitForReady: false) == .wait)
    #expect(state.connected() == .dispatch)
    #expect(state.callStarted(waitForReady: false) == .use)
    #expect(state.connectionLost(callsWait: false) == .nothing)
    #expect(state.callStarted(waitForReady: false) == .connectAndWait)
  }

  @Test func backsOffLongerEachTime() {
    var state = ConnectivityState()
    var delays: [Double] = []
    _ = state.callStarted(waitForReady: true)
    for _ in 0..<14 {
      guard case .backOff(let seconds) = state.connectFailed(random: 0) else {
        Issue.record("no backoff")
        return
      }
      delays.append(seconds)
      #expect(state.callStarted(waitForReady: false) == .failFast)
      #expect(state.callStarted(waitForReady: true) == .wait)
      #expect(state.backoffElapsed(callsWait: true) == .connect)
    }
    #expect(delays[0] == 1)
    #expect(abs(delays[1] - 1.6) < 1e-9)
    #expect(delays == delays.sorted())
    #expect(delays.last == RPC.Limits.reconnectMaximum_s)
    _ = state.connected()
    #expect(state.failures == 0)
  }

  @Test func jitterIsBounded() {
    for random in [-1.0, 0, 1] {
      var state = ConnectivityState()
      _ = state.callStarted(waitForReady: true)
      #expect(state.connectFailed(random: random) == .backOff(seconds: 1 + 0.2 * random))
    }
  }

  @Test func shutdownRefuses() {
    var state = ConnectivityState()
    _ = state.callStarted(waitForReady: true)
    state.shutdown()
    #expect(state.connected() == .close)
    #expect(state.connectFailed(random: 0) == .ignore)
    #expect(state.backoffElapsed(callsWait: true) == .nothing)
    #expect(state.callStarted(waitForReady: true) == .refuse)
  }
}
