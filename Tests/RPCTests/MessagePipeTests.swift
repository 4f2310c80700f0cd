import Synchronization
import Testing

@testable import RPC

@Suite struct MessagePipeTests {
  @Test func messagesKeepTheirOrder() async throws {
    let pipe = MessagePipe<Int>(capacity: 4)
    async let writing: Void = {
      for number in 0..<1000 { try await pipe.write(number) }
      pipe.finish()
    }()
    var found: [Int] = []
    while let number = try await pipe.next() { found.append(number) }
    try await writing
    #expect(found == Array(0..<1000))
  }

  @Test func writerWaitsWhenFull() async throws {
    let pipe = MessagePipe<Int>(capacity: 2)
    try await pipe.write(1)
    let second = Task { try await pipe.write(2) }
    #expect(try await pipe.next() == 1)
    try await second.value
    #expect(try await pipe.next() == 2)
  }

  @Test func cancelledReaderAndWriterLeave() async throws {
    let pipe = MessagePipe<Int>(capacity: 1)
    let reader = Task { try await pipe.next() }
    reader.cancel()
    await #expect(throws: CancellationError.self) { try await reader.value }
    let writer = Task { for number in 0..<10 { try await pipe.write(number) } }
    writer.cancel()
    await #expect(throws: CancellationError.self) { try await writer.value }
  }

  @Test func aFailureOfTheWriterComesAfterItsMessages() async throws {
    let pipe = MessagePipe<Int>(capacity: 4)
    try await pipe.write(1)
    try await pipe.write(2)
    pipe.finish(throwing: Status(.aborted))
    #expect(try await pipe.next() == 1)
    #expect(try await pipe.next() == 2)
    await #expect(throws: Status(.aborted)) { try await pipe.next() }
    await #expect(throws: Status(.aborted)) { try await pipe.write(3) }
  }

  @Test func failureReachesBothSides() async throws {
    let pipe = MessagePipe<Int>(capacity: 1)
    let writer = Task { for number in 0..<10 { try await pipe.write(number) } }
    pipe.fail(Status(.aborted))
    await #expect(throws: Status(.aborted)) { try await writer.value }
    await #expect(throws: Status(.aborted)) { try await pipe.next() }
  }

  @Test func finishedPipeGivesWhatItHas() async throws {
    let pipe = MessagePipe<Int>(capacity: 4)
    try await pipe.write(1)
    pipe.finish()
    await #expect(throws: Status.self) { try await pipe.write(2) }
    #expect(try await pipe.next() == 1)
    #expect(try await pipe.next() == nil)
    #expect(try await pipe.next() == nil)
  }

  @Test func aFlushWaitsUntilEverythingWasRead() async throws {
    let pipe = MessagePipe<Int>(capacity: 4)
    try await pipe.flush()
    try await pipe.write(1)
    try await pipe.write(2)
    let flushed = Mutex(false)
    let flushing = Task {
      try await pipe.flush()
      flushed.withLock { $0 = true }
    }
    #expect(try await pipe.next() == 1)
    // Time for a flush that does not wait; one that waits is never seen here.
    try await Task.sleep(for: .milliseconds(10))
    #expect(flushed.withLock { $0 } == false)
    #expect(try await pipe.next() == 2)
    try await flushing.value
    // A cancelled flush leaves; a failure reaches it.
    try await pipe.write(3)
    let cancelled = Task { try await pipe.flush() }
    cancelled.cancel()
    await #expect(throws: CancellationError.self) { try await cancelled.value }
    let failing = Task { try await pipe.flush() }
    pipe.fail(Status(.aborted))
    await #expect(throws: Status(.aborted)) { try await failing.value }
  }
}
