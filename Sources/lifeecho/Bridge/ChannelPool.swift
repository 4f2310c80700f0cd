import NIOCore
import Protobuf
import RPC
import Synchronization
import TLS

/// Several connections to one service: each takes a few hundred streams at a time, and every phone needs one for as long
/// as it is there. Commands have connections of their own, so that they never wait behind streams.
final class ChannelPool: ClientChannel {
  /// 64 × 256 streams: more phones than one bridge takes on one address.
  private static let streamChannels = 64
  private static let commandChannels = 4
  /// Phones survive an outage of ten seconds: the channels must look often enough.
  private static let reconnectMaximum = Duration.milliseconds(500)
  /// A connection that was lost without a word is noticed after 10 to 15 s; the phones on it are then given ten more.
  private static let keepalive = ClientKeepalive(interval: .seconds(10), timeout: .seconds(5))

  private let streams: [NetworkChannel]
  private let commands: [NetworkChannel]
  private let nextStream = Atomic(0)
  private let nextCommand = Atomic(0)

  init(_ address: ListenAddress, tls: ReloadableTLSContext?, group: any EventLoopGroup) {
    func channels(_ count: Int) -> [NetworkChannel] {
      (0..<count).map { _ in
        NetworkChannel(
          address, tls: tls, keepalive: Self.keepalive, reconnectMaximum: Self.reconnectMaximum, group: group)
      }
    }
    streams = channels(Self.streamChannels)
    commands = channels(Self.commandChannels)
  }

  func begin<Q: WireMessage, S: WireMessage>(
    _ method: Method<Q, S>, request: Q?, options: CallOptions
  ) -> ClientCall<Q, S> {
    let channel =
      method.descriptor.type == .unary ? Self.next(commands, nextCommand) : Self.next(streams, nextStream)
    return channel.begin(method, request: request, options: options)
  }

  private static func next(_ channels: [NetworkChannel], _ counter: borrowing Atomic<Int>) -> NetworkChannel {
    channels[(counter.add(1, ordering: .relaxed).newValue & .max) % channels.count]
  }

  func shutdown() async {
    for channel in streams + commands { await channel.shutdown() }
  }
}
