package import CProtobufC
import Glibc

/// Memory for the C structs of one message: handed out by moving a cursor, given back all at once.
///
/// Each thread has one, whose first chunk stays allocated. Uses nest like a stack (a message may be coded while another
/// one is being packed), so an arena must be left on the thread that entered it, in reverse order, without suspension
/// in between.
package struct Arena {
  private let state: UnsafeMutablePointer<State>
  private let mark: Mark
  /// How many arrays the enclosing uses have.
  private let arrayCount: Int

  /// Where an enclosing use of the thread's arena goes on.
  private struct Mark {
    var cursor: UnsafeMutableRawPointer
    var end: UnsafeMutableRawPointer
    var chunk: UnsafeMutablePointer<Chunk>
    var left_bytes: Int
    var isExhausted: Bool
  }

  private struct State {
    var now: Mark
    var allocator: ProtobufCAllocator
    /// Long pieces that protobuf-c asked for. Each lies where the value will: see ``take(_:)``.
    var arrays: [[UInt8]] = []
  }

  /// The head of a chunk; its memory follows.
  private struct Chunk {
    var previous: UnsafeMutablePointer<Chunk>?
    var size_bytes: Int
  }

  /// Enters the thread's arena with `budget_bytes` to spend.
  package static func enter(budget_bytes: Int) -> Arena {
    let state: UnsafeMutablePointer<State>
    if let slot = pthread_getspecific(key) {
      state = slot.assumingMemoryBound(to: State.self)
    } else {
      state = makeState()
    }
    let arena = Arena(state: state, mark: state.pointee.now, arrayCount: state.pointee.arrays.count)
    state.pointee.now.left_bytes = budget_bytes
    state.pointee.now.isExhausted = false
    return arena
  }

  /// Gives back everything allocated since `enter`.
  package func leave() {
    while state.pointee.now.chunk != mark.chunk {
      let chunk = state.pointee.now.chunk
      guard let previous = chunk.pointee.previous else { break }
      state.pointee.now.chunk = previous
      free(chunk)
    }
    state.pointee.arrays.removeLast(state.pointee.arrays.count - arrayCount)
    state.pointee.now = mark
  }

  /// True after an allocation was refused for want of budget.
  package var isExhausted: Bool { state.pointee.now.isExhausted }

  /// For protobuf-c.
  package var allocator: UnsafeMutablePointer<ProtobufCAllocator> {
    (UnsafeMutableRawPointer(state) + Self.allocatorOffset).assumingMemoryBound(to: ProtobufCAllocator.self)
  }

  /// Room for `count` values; the memory is not initialized. For packing, which has no budget: the values are ours.
  @inlinable
  package func allocate<T>(_ type: T.Type, count: Int) -> UnsafeMutablePointer<T> {
    precondition(MemoryLayout<T>.alignment <= Self.alignment)
    return allocate(size_bytes: MemoryLayout<T>.stride * count).bindMemory(to: T.self, capacity: count)
  }

  /// The same without a type.
  package func allocate(size_bytes: Int) -> UnsafeMutableRawPointer {
    guard let memory = Self.allocate(state, size_bytes) else {
      preconditionFailure("out of memory for a message of ours")
    }
    return memory
  }

  /// The bytes of a long field, without copying them: protobuf-c has written them into an array's memory. Nil for any
  /// other memory. Takes them away: a second call for the same field is given nil.
  ///
  /// The array is not touched between its making and this, so its memory stays where it is, although Swift promises
  /// that only for the length of a closure.
  static func take(_ field: ProtobufCBinaryData) -> [UInt8]? {
    guard field.len >= Limits.arenaArray_bytes, let slot = pthread_getspecific(key) else { return nil }
    let state = slot.assumingMemoryBound(to: State.self)
    let place = state.pointee.arrays.lastIndex { array in
      array.count == field.len && array.withUnsafeBufferPointer { $0.baseAddress } == UnsafePointer(field.data)
    }
    guard let place else { return nil }
    var array: [UInt8] = []
    swap(&array, &state.pointee.arrays[place])
    return array
  }

  // MARK: - Allocation

  private static func allocateArray(
    _ state: UnsafeMutablePointer<State>, _ size: Int
  ) -> UnsafeMutableRawPointer? {
    guard size <= state.pointee.now.left_bytes else {
      state.pointee.now.isExhausted = true
      return nil
    }
    state.pointee.now.left_bytes -= size
    var array = [UInt8](unsafeUninitializedCapacity: size) { $1 = size }
    let start = array.withUnsafeMutableBytes { $0.baseAddress }
    state.pointee.arrays.append(array)
    return start
  }

  @usableFromInline static let alignment = 16
  private static let allocatorOffset = MemoryLayout<State>.offset(of: \.allocator) ?? 0

  private static func allocate(_ state: UnsafeMutablePointer<State>, _ size: Int) -> UnsafeMutableRawPointer? {
    guard size >= 0, size <= state.pointee.now.left_bytes else {
      state.pointee.now.isExhausted = true
      return nil
    }
    let rounded = (size + alignment - 1) & ~(alignment - 1)
    if rounded > state.pointee.now.end - state.pointee.now.cursor {
      guard grow(state, rounded) else {
        state.pointee.now.isExhausted = true
        return nil
      }
    }
    let memory = state.pointee.now.cursor
    state.pointee.now.cursor = memory + rounded
    state.pointee.now.left_bytes -= rounded
    return memory
  }

  private static func grow(_ state: UnsafeMutablePointer<State>, _ size: Int) -> Bool {
    let doubled = min(state.pointee.now.chunk.pointee.size_bytes * 2, Limits.arenaChunk_bytes_max)
    guard let chunk = makeChunk(size: max(size, doubled), previous: state.pointee.now.chunk) else { return false }
    state.pointee.now.chunk = chunk
    state.pointee.now.cursor = start(of: chunk)
    state.pointee.now.end = state.pointee.now.cursor + chunk.pointee.size_bytes
    return true
  }

  private static func makeChunk(size: Int, previous: UnsafeMutablePointer<Chunk>?) -> UnsafeMutablePointer<Chunk>? {
    guard let memory = malloc(chunkHead_bytes + size) else { return nil }
    let chunk = memory.bindMemory(to: Chunk.self, capacity: 1)
    chunk.initialize(to: Chunk(previous: previous, size_bytes: size))
    return chunk
  }

  private static let chunkHead_bytes = (MemoryLayout<Chunk>.size + alignment - 1) & ~(alignment - 1)

  private static func start(of chunk: UnsafeMutablePointer<Chunk>) -> UnsafeMutableRawPointer {
    UnsafeMutableRawPointer(chunk) + chunkHead_bytes
  }

  // MARK: - One arena per thread

  private static let key: pthread_key_t = {
    var key = pthread_key_t()
    let failure = pthread_key_create(&key) { slot in
      guard let slot else { return }
      let state = slot.assumingMemoryBound(to: State.self)
      free(state.pointee.now.chunk)
      state.deinitialize(count: 1)
      state.deallocate()
    }
    precondition(failure == 0, "no thread-specific key left")
    return key
  }()

  private static func makeState() -> UnsafeMutablePointer<State> {
    guard let chunk = makeChunk(size: Limits.arenaFirstChunk_bytes, previous: nil) else {
      preconditionFailure("out of memory")
    }
    let cursor = start(of: chunk)
    let state = UnsafeMutablePointer<State>.allocate(capacity: 1)
    let allocator = ProtobufCAllocator(
      alloc: { data, size in
        guard let data else { return nil }
        let state = data.assumingMemoryBound(to: State.self)
        return size >= Limits.arenaArray_bytes ? Arena.allocateArray(state, size) : Arena.allocate(state, size)
      },
      free: { _, _ in },
      allocator_data: UnsafeMutableRawPointer(state)
    )
    let now = Mark(
      cursor: cursor, end: cursor + chunk.pointee.size_bytes, chunk: chunk, left_bytes: 0, isExhausted: false)
    state.initialize(to: State(now: now, allocator: allocator))
    pthread_setspecific(key, state)
    return state
  }
}
