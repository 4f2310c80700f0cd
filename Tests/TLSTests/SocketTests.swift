import Foundation
import NIOCore
import NIOPosix
import Synchronization
import TLS
import TestSupport
import Testing

/// Over TCP.
@Suite(.serialized) struct SocketTests {
  /// A connection of both handlers, each below its transfer.
  private func connected(
    _ server: Transfer, _ client: Transfer, clientReads: Bool = true, halfClosure: Bool = false,
    unsent_max: Int = 64 << 10,
    _ body: (_ server: Transfer.Watch, _ client: Transfer.Watch, _ clientChannel: any Channel) async throws -> Void
  ) async throws {
    let (serverContext, clientContext) = try (Contexts.server(), Contexts.client())
    let group = MultiThreadedEventLoopGroup(numberOfThreads: 2)
    let (serverWatch, clientWatch) = (server.watch, client.watch)
    let (serverBox, clientBox) = (UnsafeTransfer(server), UnsafeTransfer(client))
    let listener = try await ServerBootstrap(group: group)
      .childChannelOption(.allowRemoteHalfClosure, value: halfClosure)
      .childChannelOption(.writeBufferWaterMark, value: .init(low: unsent_max / 2, high: unsent_max))
      .childChannelInitializer { channel in
        channel.eventLoop.makeCompletedFuture {
          try channel.pipeline.syncOperations.addHandlers([TLSHandler(context: serverContext), serverBox.wrappedValue])
        }
      }.bind(host: "127.0.0.1", port: 0).get()
    let channel = try await ClientBootstrap(group: group)
      .channelOption(.allowRemoteHalfClosure, value: halfClosure)
      .channelOption(.autoRead, value: clientReads)
      .channelInitializer { channel in
        channel.eventLoop.makeCompletedFuture {
          try channel.pipeline.syncOperations.addHandlers([
            TLSHandler(context: clientContext, serverName: "localhost"), clientBox.wrappedValue,
          ])
        }
      }.connect(to: listener.localAddress!).get()
    try await body(serverWatch, clientWatch, channel)
    try? await channel.close()
    try await listener.close()
    try await group.shutdownGracefully()
  }

  @Test func largeTransfersBothWays() async throws {
    let total = 64 << 20
    try await connected(Transfer(total: total), Transfer(total: total)) { server, client, _ in
      try await waitUntil("64 MiB each way", within: .seconds(120)) {
        server.now.received >= total && client.now.received >= total
      }
      for side in [server.now, client.now] {
        #expect(side.isIntact)
        #expect(side.received == total)
        #expect(side.error == nil)
        // NIO's high watermark and one chunk; the records add 22 bytes to 16 KiB.
        #expect(side.unsent_max <= (64 << 10) + 2 * Transfer.chunk_bytes)
      }
    }
  }

  @Test func aReaderWhoDoesNotReadStopsTheWriter() async throws {
    let total = 64 << 20
    try await connected(Transfer(total: total), Transfer(total: 0), clientReads: false) { server, client, channel in
      // The handshake is done without the user's reading; what the socket's last read brought with it may come up.
      try await waitUntil("the server stops writing") { server.now.sent > 0 && !server.now.isWritable }
      #expect(client.now.received <= 64 << 10)
      let stuck = server.now
      #expect(stuck.sent < 32 << 20)
      try await channel.setOption(.autoRead, value: true).get()
      try await waitUntil("the rest", within: .seconds(60)) { client.now.received == total }
      #expect(client.now.isIntact)
    }
  }

  /// The server has said everything and closed its half, but the socket does not take it yet, when the client closes
  /// its half: nothing may be cut off.
  @Test func whatIsOnItsWayOutlivesTheOtherHalf() async throws {
    let total = 32 << 20
    try await connected(
      Transfer(total: total, endsWithOutputClose: true), Transfer(total: 10), clientReads: false, halfClosure: true,
      unsent_max: 2 * total
    ) { server, client, channel in
      try await waitUntil("everything is written") { server.now.sent == total }
      try await channel.close(mode: .output)
      try await waitUntil("the server hears of it") { server.now.isInputClosed }
      #expect(client.now.received < total)
      try await channel.setOption(.autoRead, value: true).get()
      try await waitUntil("the rest: \(client.now)", within: .seconds(60)) {
        client.now.isInputClosed || client.now.isInactive
      }
      #expect(client.now.received == total)
      #expect(client.now.error == nil)
    }
  }

  @Test func eitherHalfMayEndFirst() async throws {
    let total = 3 << 20
    try await connected(
      Transfer(total: total, endsWithOutputClose: true), Transfer(total: 1000, endsWithOutputClose: true),
      halfClosure: true
    ) { server, client, _ in
      // The client ends at once; the server's longer answer arrives whole.
      try await waitUntil("both halves end: \(server.now), \(client.now)") {
        server.now.isInputClosed && client.now.isInputClosed
      }
      #expect(server.now.received == 1000)
      #expect(client.now.received == total)
      #expect(client.now.isIntact)
      try await waitUntil("the connection ends") { server.now.isInactive || client.now.isInactive }
      #expect(server.now.error == nil)
      #expect(client.now.error == nil)
    }
  }

  /// A plain HTTP/2 client gets an orderly end, not a reset. (libssl sends no alert to what does not look like TLS.)
  @Test func aPlaintextClientIsToldGoodbye() async throws {
    final class Reader: ChannelInboundHandler {
      typealias InboundIn = ByteBuffer
      let watch = Transfer.Watch()
      func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let count = unwrapInboundIn(data).readableBytes
        watch.state.withLock { $0.received += count }
      }
      func errorCaught(context: ChannelHandlerContext, error: any Error) {
        watch.state.withLock { $0.error = "\(error)" }
      }
      func channelInactive(context: ChannelHandlerContext) { watch.state.withLock { $0.isInactive = true } }
    }
    let context = try Contexts.server()
    let listener = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
      .childChannelInitializer { channel in
        channel.eventLoop.makeCompletedFuture {
          try channel.pipeline.syncOperations.addHandler(TLSHandler(context: context))
        }
      }.bind(host: "127.0.0.1", port: 0).get()
    let reader = Reader()
    let watch = reader.watch
    let box = UnsafeTransfer(reader)
    let channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
      .channelInitializer { channel in
        channel.eventLoop.makeCompletedFuture { try channel.pipeline.syncOperations.addHandler(box.wrappedValue) }
      }.connect(to: listener.localAddress!).get()
    // More than one read of the server, so that closing with unread input would reset the connection.
    try await channel.writeAndFlush(
      ByteBuffer(string: "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + String(repeating: "x", count: 100_000)))
    try await waitUntil("the end", within: .seconds(5)) { watch.now.isInactive }
    #expect(watch.now.received == 0)
    #expect(watch.now.error == nil)
    try await listener.close()
  }

  @Test func manyConnectionsOnOneLoop() async throws {
    let (serverContext, clientContext) = try (Contexts.server(), Contexts.client())
    let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
    let total = 300_000
    let listener = try await ServerBootstrap(group: group)
      .serverChannelOption(.backlog, value: 512)
      .childChannelInitializer { channel in
        channel.eventLoop.makeCompletedFuture {
          try channel.pipeline.syncOperations.addHandlers([TLSHandler(context: serverContext), Transfer(total: total)])
        }
      }.bind(host: "127.0.0.1", port: 0).get()
    let address = try #require(listener.localAddress)
    var watches: [Transfer.Watch] = []
    var channels: [EventLoopFuture<any Channel>] = []
    for _ in 0..<100 {
      let transfer = Transfer(total: total)
      watches.append(transfer.watch)
      let box = UnsafeTransfer(transfer)
      channels.append(
        ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton).channelInitializer { channel in
          channel.eventLoop.makeCompletedFuture {
            try channel.pipeline.syncOperations.addHandlers([
              TLSHandler(context: clientContext, serverName: "localhost"), box.wrappedValue,
            ])
          }
        }.connect(to: address))
    }
    let all = watches
    try await waitUntil("all of them", within: .seconds(60)) { all.allSatisfy { $0.now.received == total } }
    #expect(all.allSatisfy { $0.now.isIntact && $0.now.error == nil })
    for channel in channels { try await channel.get().close() }
    try await listener.close()
    try await group.shutdownGracefully()
  }
}

/// Hands a handler that is not `Sendable` to the one loop that will use it.
struct UnsafeTransfer<Value>: @unchecked Sendable {  // given away before its first use
  let wrappedValue: Value
  init(_ value: Value) { wrappedValue = value }
}
