import ConversationAPI
import NIOCore
import Testing

@Suite struct ReconnectionTests {
  private func time(_ milliseconds: Int64) -> NIODeadline { .uptimeNanoseconds(1) + .milliseconds(milliseconds) }

  @Test func pausesDoubleUntilPatienceEnds() {
    var reconnection = Reconnection(patience: .seconds(3))
    let pauses = [0, 50, 150, 350, 750, 1550, 2550].map { reconnection.nextPause(now: time($0)) }
    #expect(pauses == [50, 100, 200, 400, 800, 1000, 1000].map { .milliseconds($0) })
    #expect(reconnection.nextPause(now: time(3_000)) == nil)
  }

  /// What counts is how long the service has been away, not how long somebody has been using it.
  @Test func anAnswerBeginsItAnew() {
    var reconnection = Reconnection(patience: .seconds(3))
    #expect(reconnection.nextPause(now: time(0)) == .milliseconds(50))
    #expect(reconnection.nextPause(now: time(100)) == .milliseconds(100))
    reconnection.answered()
    #expect(reconnection.nextPause(now: time(60_000)) == .milliseconds(50))
    #expect(reconnection.nextPause(now: time(62_999)) == .milliseconds(100))
    #expect(reconnection.nextPause(now: time(63_000)) == nil)
  }
}
