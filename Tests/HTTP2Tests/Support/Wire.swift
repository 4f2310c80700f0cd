import HTTP2
import NIOCore
import NIOEmbedded

/// A connection under test on an embedded channel, spoken to in raw frames.
final class Wire {
  let channel = EmbeddedChannel()
  let connection: HTTP2ConnectionHandler
  let delegate = RecordingDelegate()
  private var received: [UInt8] = []

  /// A server or client whose peer has (unless told otherwise) already sent its preface and SETTINGS.
  init(
    role: HTTP2Role = .server, configuration: HTTP2Configuration = HTTP2Configuration(),
    settings: [(UInt16, UInt32)]? = [], onEvent: ((Recorder, HTTP2Stream, Recorder.Event) -> Void)? = nil
  ) throws {
    delegate.onEvent = onEvent
    connection = try HTTP2ConnectionHandler(
      role: role, configuration: configuration, executor: LoopExecutor(eventLoop: channel.embeddedEventLoop),
      delegate: delegate)
    try channel.pipeline.syncOperations.addHandler(connection)
    try channel.connect(to: SocketAddress(ipAddress: "127.0.0.1", port: 1)).wait()
    if let settings {
      try send(bytes: role == .server ? Frame.preface : [])
      try send(.settings(settings), Frame(kind: .settings, flags: Frame.acknowledgement))
      _ = try frames()
    }
  }

  deinit { _ = try? channel.finish(acceptAlreadyClosed: true) }

  var isOpen: Bool { channel.isActive }

  func send(_ frames: Frame...) throws { try send(frames) }
  func send(_ frames: [Frame]) throws { try send(bytes: frames.flatMap(\.bytes)) }
  func send(bytes: [UInt8]) throws {
    guard channel.isActive else { return }
    try channel.writeInbound(ByteBuffer(bytes: bytes))
    channel.embeddedEventLoop.run()
  }

  /// What the connection has sent since the last call.
  func frames() throws -> [Frame] {
    channel.embeddedEventLoop.run()
    while let buffer = try channel.readOutbound(as: ByteBuffer.self) {
      received.append(contentsOf: buffer.readableBytesView)
    }
    if received.starts(with: Frame.preface) { received.removeFirst(Frame.preface.count) }
    return Frame.parse(&received)
  }

  func advance(seconds: Int64) { channel.embeddedEventLoop.advanceTime(by: .seconds(seconds)) }
}

/// A client and a server connected in memory.
final class Pair {
  let clientChannel = EmbeddedChannel()
  let serverChannel = EmbeddedChannel()
  let client: HTTP2ConnectionHandler
  let server: HTTP2ConnectionHandler
  let clientDelegate = RecordingDelegate()
  let serverDelegate = RecordingDelegate()

  init(
    client clientConfiguration: HTTP2Configuration = HTTP2Configuration(),
    server serverConfiguration: HTTP2Configuration = HTTP2Configuration(),
    onEvent: ((Recorder, HTTP2Stream, Recorder.Event) -> Void)? = nil
  ) throws {
    serverDelegate.onEvent = onEvent
    client = try HTTP2ConnectionHandler(
      role: .client, configuration: clientConfiguration,
      executor: LoopExecutor(eventLoop: clientChannel.embeddedEventLoop), delegate: clientDelegate)
    server = try HTTP2ConnectionHandler(
      role: .server, configuration: serverConfiguration,
      executor: LoopExecutor(eventLoop: serverChannel.embeddedEventLoop), delegate: serverDelegate)
    try clientChannel.pipeline.syncOperations.addHandler(client)
    try serverChannel.pipeline.syncOperations.addHandler(server)
    let address = try SocketAddress(ipAddress: "127.0.0.1", port: 1)
    try clientChannel.connect(to: address).wait()
    try serverChannel.connect(to: address).wait()
    try pump()
  }

  deinit {
    _ = try? clientChannel.finish(acceptAlreadyClosed: true)
    _ = try? serverChannel.finish(acceptAlreadyClosed: true)
  }

  static let requestFields: HeaderFields = {
    var fields = HeaderFields()
    for (name, value) in Frame.requestFields { fields.append(name, value) }
    return fields
  }()

  func open(endStream: Bool = false, fields: HeaderFields = Pair.requestFields) throws -> (HTTP2Stream, Recorder) {
    let recorder = Recorder()
    let stream = try client.openStream(headers: fields, endStream: endStream, handler: recorder)
    recorder.stream = stream
    return (stream, recorder)
  }

  /// Carries bytes both ways until nobody has anything to say.
  func pump() throws {
    var moved = true
    while moved {
      moved = false
      clientChannel.embeddedEventLoop.run()
      serverChannel.embeddedEventLoop.run()
      while let buffer = try clientChannel.readOutbound(as: ByteBuffer.self) {
        moved = true
        if serverChannel.isActive { try serverChannel.writeInbound(buffer) }
      }
      while let buffer = try serverChannel.readOutbound(as: ByteBuffer.self) {
        moved = true
        if clientChannel.isActive { try clientChannel.writeInbound(buffer) }
      }
    }
  }
}
