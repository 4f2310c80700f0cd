/// A queue on one array: appending and popping are amortised O(1), and its storage is used again.
struct FIFO<Element> {
  private var storage: [Element?] = []
  private var head = 0

  var count: Int { storage.count - head }
  var isEmpty: Bool { count == 0 }
  var first: Element? { isEmpty ? nil : storage[head] }

  mutating func append(_ element: Element) {
    storage.append(element)
  }

  mutating func prepend(_ element: Element) {
    if head > 0 {
      head -= 1
      storage[head] = element
    } else {
      storage.insert(element, at: 0)
    }
  }

  mutating func popFirst() -> Element? {
    guard head < storage.count else { return nil }
    let element = storage[head]
    storage[head] = nil
    head += 1
    if head == storage.count {
      storage.removeAll(keepingCapacity: true)
      head = 0
    } else if head >= 64, head * 2 >= storage.count {
      storage.removeFirst(head)
      head = 0
    }
    return element
  }

  /// O(n).
  mutating func removeFirst(where matches: (Element) -> Bool) -> Element? {
    for index in head..<storage.count {
      if let element = storage[index], matches(element) {
        storage.remove(at: index)
        return element
      }
    }
    return nil
  }

  func contains(where matches: (Element) -> Bool) -> Bool {
    for index in head..<storage.count {
      if let element = storage[index], matches(element) { return true }
    }
    return false
  }

  /// Changes the first element in place, if there is one.
  mutating func updateFirst(_ change: (inout Element) -> Void) {
    guard head < storage.count, var element = storage[head] else { return }
    storage[head] = nil
    change(&element)
    storage[head] = element
  }
}
