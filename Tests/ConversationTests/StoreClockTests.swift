import Testing

@testable import Conversation

@Suite("The database's clock")
struct StoreClockTests {
  private struct Fixed: WallClock {
    func now() -> Timestamp { Timestamp(microseconds: 1_000_000) }
  }

  @Test(
    "a difference counts when the round trip does not explain it",
    arguments: [
      // Store's time, length of the round trip, the clock afterwards.
      (1_000_100, 200, 1_000_000), (1_000_201, 200, 1_000_000), (1_000_202, 200, 1_000_102), (999_000, 0, 999_000),
      (661_000_000, 5_000_000, 658_500_000), (3_000_000, 5_000_000, 1_000_000),
    ] as [(Int64, Int64, Int64)])
  func follow(time_us: Int64, elapsed_us: Int64, now_us: Int64) {
    let clock = StoreClock(machine: Fixed())
    let change_us = clock.follow(
      Timestamp(microseconds: time_us), asked: Timestamp(microseconds: 1_000_000), elapsed_us: elapsed_us)
    #expect(clock.now().microseconds == now_us)
    #expect(change_us ?? 0 == now_us - 1_000_000)
    #expect(clock.machineTime().microseconds == 1_000_000)
  }

  @Test("a better measurement replaces a worse one, and a worse one changes nothing")
  func refine() {
    let clock = StoreClock(machine: Fixed())
    func follow(_ time_us: Int64, _ elapsed_us: Int64) -> Int64 {
      clock.follow(
        Timestamp(microseconds: time_us), asked: Timestamp(microseconds: 1_000_000), elapsed_us: elapsed_us)
      return clock.now().microseconds
    }
    #expect(follow(61_000_000, 2_000_000) == 60_000_000)
    #expect(follow(61_000_000, 100) == 60_999_950)
    #expect(follow(61_500_000, 2_000_000) == 60_999_950)
  }
}
