import ConversationAPI
import Foundation
import Logging
import NIOCore
import NIOPosix
import RPC
import Synchronization
import TestSupport
import Testing
import WebSocket

@testable import WebSocketBridge

/// The bridge over real sockets, in front of a scripted service: what a black-box test cannot bring about.
@Suite(.serialized) struct BridgeTests {
  private struct Site {
    let service: ScriptedService
    let server: BridgeServer
    var port: Int { server.localAddress?.port ?? 0 }

    func phone(_ query: String = "?token=good") async throws -> Phone {
      let phone = try await Phone.connect(port: port, query)
      #expect(await eventually { phone.types.first == "connect" })
      return phone
    }
  }

  private func withBridge(
    pause: TimeAmount = .milliseconds(50), service: ScriptedService = ScriptedService(),
    _ body: (Site) async throws -> Void
  ) async throws {
    var router = ServerRouter()
    service.register(on: &router)
    let group = MultiThreadedEventLoopGroup.singleton
    let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
    let channel = InProcessChannel(policy: ServerPolicy(router: router, interceptors: [], logger: logger), group: group)
    var settings = BridgeSettings()
    settings.piecePause = pause
    settings.servesConsole = true
    let server = try await BridgeServer.start(
      on: .tcp(host: "127.0.0.1", port: 0), channel: channel, credentials: BridgeCredentials { _ in "service" },
      settings: settings, group: group, logger: logger)
    do {
      try await body(Site(service: service, server: server))
    } catch {
      await server.stop(grace: .seconds(1))
      throw error
    }
    await server.stop(grace: .seconds(1))
  }

  private static func text(_ text: String, _ more: String = "") -> String {
    #"{"type":"text","data":{"text":"\#(text)"\#(more)}}"#
  }

  @Test func thePhonesTokenIsAskedForAndTheBridgesOwnIsUsed() async throws {
    try await withBridge { site in
      await #expect(throws: WebSocketClient.Failure.refused(status: 403)) { try await site.phone("?token=bad") }
      await #expect(throws: WebSocketClient.Failure.refused(status: 403)) { try await site.phone("") }
      site.service.fail("WhoAmI", Status(.unavailable, ""))
      await #expect(throws: WebSocketClient.Failure.refused(status: 503)) { try await site.phone() }
      let phone = try await site.phone("?token=bad&token=good")
      #expect(site.service.state.withLock { $0.users } == ["u"])
      #expect(phone.frames[0].json.keys.sorted() == ["conversation_id", "data", "timestamp", "type"])
    }
  }

  @Test func aPingIsAnsweredBetweenTheFramesOfAReply() async throws {
    try await withBridge(pause: .seconds(30)) { site in
      let phone = try await site.phone()
      site.service.state.withLock { $0.holdsReplies = true }
      phone.send(Self.text("x"))
      #expect(await eventually { site.service.state.withLock { $0.texts } == ["x"] })
      site.service.reply(["1", "2"], turn: "turn-1")
      #expect(await eventually { phone.types.contains("agent_response") })
      phone.send(#"{"type":"ping"}"#)
      phone.send(#"{"type":"tts_cancel"}"#)
      #expect(
        await eventually { phone.types.contains("pong") && site.service.state.withLock { $0.cancels.count } == 1 })
      #expect(phone.types.filter { $0 == "agent_response" }.count == 1)
    }
  }

  @Test func answersKeepTheOrderOfTheCommands() async throws {
    try await withBridge { site in
      let phone = try await site.phone()
      site.service.state.withLock { $0.holdsReplies = true }
      phone.send(Self.text("a"))
      phone.send(#"{"type":"transcribe_only","data":{"audio_base64":"QUJD"}}"#)
      phone.send(Self.text("b"))
      phone.send(#"{"type":"text","data":{"text":7}}"#)
      phone.send(#"{"type":"end_conversation"}"#)
      phone.send(Self.text("never"))
      #expect(await eventually { site.service.state.withLock { $0.texts } == ["a", "b"] })
      site.service.reply(["b1", "b2"], turn: "turn-2", message: "b")
      #expect(await eventually { site.service.state.withLock { $0.log.count } == 7 })
      #expect(phone.types == ["connect"])
      site.service.reply(["a1", "a2"], turn: "turn-1", message: "a")
      #expect(await eventually { phone.closeCode == 1000 })
      #expect(phone.frames.dropFirst().map(\.text) == ["a1", "a2", "3 bytes", "b1", "b2", Text.failed, ""])
      #expect(phone.types.last == "end_conversation")
      #expect(site.service.state.withLock { $0.texts } == ["a", "b"])
    }
  }

  @Test func whatWasReadBeforeTheSocketBrokeIsPassedOn() async throws {
    try await withBridge { site in
      let phone = try await site.phone()
      site.service.fail("SendText", Status(.unavailable, ""))
      for text in ["a", "b", "c"] { phone.send(Self.text(text)) }
      phone.send(
        #"{"type":"audio_segment","data":{"voice_session_id":"s","segment_index":0,"audio_base64":"QUJD"}}"#)
      phone.send(#"{"type":"ping"}"#)
      #expect(await eventually { phone.types.contains("pong") })
      #expect(site.service.state.withLock { $0.texts } == [])
      phone.drop()
      #expect(
        await eventually { site.service.state.withLock { $0.texts == ["a", "b", "c"] && $0.segments.count == 1 } })
    }
  }

  @Test func aBrokenStreamGoesOnWhereItStopped() async throws {
    try await withBridge { site in
      let phone = try await site.phone()
      phone.send(Self.text("a"))
      #expect(await eventually { phone.types.contains("agent_response") })
      site.service.fail("Connect", Status(.unavailable, ""), Status(.unavailable, ""))
      site.service.breakStreams(Status(.unavailable, "gone"))
      site.service.publish(.agentMessage(.init(messageID: "m", text: "meanwhile", index: 0, total: 1)))
      #expect(await eventually { phone.frames.last?.text == "meanwhile" })
      #expect(phone.types == ["connect", "agent_response", "agent_response"])
      let last = site.service.state.withLock { $0.connects.last }
      #expect(last?.resume == .init(position: .afterSequence(4), logEpoch: "epoch") && last?.intent == .observe)
    }
  }

  @Test func aTextIsTriedAgainUnderTheSameId() async throws {
    try await withBridge { site in
      let phone = try await site.phone()
      site.service.fail("SendText", Status(.unavailable, ""))
      phone.send(Self.text("a"))
      #expect(await eventually { phone.frames.last?.text == "re: a" })
      site.service.fail("SendText", Status(.unavailable, ""), Status(.unavailable, ""), Status(.unavailable, ""))
      phone.send(Self.text("b"))
      #expect(await eventually { phone.frames.last?.text == Text.failed })
      #expect(phone.frames.last?.json["conversation_id"] == nil)
    }
  }

  @Test func refusals() async throws {
    func status(_ code: StatusCode, _ reason: String) -> Status {
      Status(code, "", details: [GoogleRPC.ErrorInfo(reason: reason, domain: "lifeecho")])
    }
    try await withBridge { site in
      site.service.fail("Connect", status(.permissionDenied, "CONVERSATION_FORBIDDEN"))
      let stranger = try await site.phone()
      #expect(await eventually { stranger.closeCode == 1008 })
      #expect(stranger.types == ["connect", "error"] && stranger.frames[1].text == Text.forbidden)
      let phone = try await site.phone()
      site.service.breakStreams(status(.failedPrecondition, "CONVERSATION_DELETED"))
      #expect(await eventually { phone.closeCode == 1008 })
      #expect(phone.frames.last?.text == Text.deleted)
    }
  }

  @Test func aPongConfirmsWhatWasShown() async throws {
    try await withBridge { site in
      let phone = try await site.phone()
      phone.send(Self.text("a"))
      #expect(await eventually { site.service.state.withLock { $0.acknowledged.last?.sequence } == 3 })
      #expect(site.service.state.withLock { $0.acknowledged.last?.deviceID } == "legacy")
      phone.drop()
      site.service.publish(.agentMessage(.init(messageID: "n", text: "unheard", index: 0, total: 1)))
      let second = try await site.phone()
      #expect(await eventually { second.frames.map(\.text).contains("unheard") })
      let named = try await site.phone("?token=good&v=2&after=0&device=d")
      #expect(await eventually { named.types.contains("replay_completed") })
      // The second phone's confirmation may come later still.
      #expect(await eventually { site.service.state.withLock { $0.acknowledged.contains { $0.deviceID == "d" } } })
      #expect(named.frames.compactMap { $0.json["seq"] as? Int } == [1, 2, 3, 4, 5])
    }
  }

  @Test func audioIsResentUntilItIsConfirmed() async throws {
    try await withBridge { site in
      let phone = try await site.phone("?token=good&v=2")
      site.service.fail("StreamAudio", Status(.unavailable, ""))
      phone.send(#"{"type":"recording_started","data":{"voice_session_id":"s"}}"#)
      phone.send(
        #"{"type":"audio_segment","data":{"voice_session_id":"s","segment_index":1,"audio_base64":"QUJD"}}"#)
      phone.send(binary: [1, 1, 0, 0, 0, 0, 0, 0, 7, 208, 1, 115, 1, 2, 3])
      #expect(await eventually { phone.types.filter { $0 == "audio_ack" }.count == 2 })
      let acks = phone.frames.filter { $0.type == "audio_ack" }
      try #require(acks.count == 2, "\(phone.state.withLock { $0.texts })")
      #expect(acks.map { $0.data["durable_through"] as? Int } == [-1, 1])
      let (configs, segments) = site.service.state.withLock { ($0.configs, $0.segments) }
      #expect(configs.count == 2 && configs.allSatisfy { $0.voiceSessionID == "s" && $0.kind == .segmented })
      #expect(segments.map(\.index) == [1, 0] && segments[1].content == [1, 2, 3] && segments[1].isLast)
      #expect(segments[1].duration == .init(seconds: 2, nanos: 0))
    }
  }

  @Test func longSegmentsAreSentInParts() async throws {
    try await withBridge { site in
      let phone = try await site.phone()
      let audio = String(repeating: "QUJD", count: 900_000)
      phone.send(
        #"{"type":"audio_segment","data":{"voice_session_id":"s","segment_index":0,"audio_base64":"\#(audio)"}}"#)
      phone.send(#"{"type":"ping"}"#)
      #expect(await eventually { site.service.state.withLock { $0.segments.count } == 3 })
      let segments = site.service.state.withLock { $0.segments }
      #expect(segments.map(\.part) == [0, 1, 2] && segments.map(\.moreParts) == [true, true, false])
      #expect(segments.reduce(0) { $0 + $1.content.count } == 2_700_000)
      #expect(await eventually { phone.types.contains("pong") })
    }
  }

  @Test func anAudioMessageIsOneCommand() async throws {
    try await withBridge { site in
      let phone = try await site.phone()
      phone.send(#"{"type":"audio_message","data":{"audio_base64":"QUJD","duration":"7"}}"#)
      phone.send(Self.text("after"))
      #expect(await eventually { site.service.state.withLock { $0.configs.count } == 1 })
      let config = site.service.state.withLock { $0.configs[0] }
      #expect(config.kind == .wholeMessage && config.voiceSessionID.hasPrefix("audio-message-"))
      #expect(site.service.state.withLock { $0.texts } == [])
      site.service.publish(
        .userMessage(.init(messageID: "v", text: "said", source: .voice, voiceSessionID: config.voiceSessionID)),
        turn: "t")
      site.service.reply(["answer"], turn: "t")
      #expect(await eventually { phone.frames.last?.text == "re: after" })
      #expect(phone.frames.map(\.text) == ["", "said", "answer", "re: after"])
      #expect(phone.frames[1].data["audio_duration"] as? String == "7")
      #expect(phone.frames[1].data.keys.sorted() == ["audio_duration", "text"])
    }
  }

  @Test func anExpiredTokenClosesProtocol2() async throws {
    try await withBridge(service: ScriptedService(expiry: Date(timeIntervalSinceNow: 0.3))) { site in
      let phone = try await site.phone("?token=good&v=2")
      let legacy = try await site.phone()
      #expect(await eventually { phone.closeCode == 4401 })
      #expect(legacy.closeCode == nil)
    }
  }

  @Test func drain() async throws {
    try await withBridge { site in
      let (phone, legacy) = (try await site.phone("?token=good&v=2"), try await site.phone())
      site.server.drain()
      #expect(await eventually { phone.closeCode == 1012 && legacy.closeCode == 1012 })
      #expect(phone.types.last == "go_away" && legacy.types == ["connect"])
      await #expect(throws: WebSocketClient.Failure.refused(status: 503)) { try await site.phone() }
    }
  }

  @Test func acknowledgementsAndRetries() async throws {
    try await withBridge { site in
      let phone = try await site.phone("?token=good&v=2")
      phone.send(Self.text("x", #","client_msg_id":"m-1""#))
      #expect(await eventually { phone.types.contains("ack") })
      let ack = phone.frames.first { $0.type == "ack" }
      #expect(ack?.data["client_msg_id"] as? String == "m-1" && ack?.json["seq"] as? Int == 1)
      #expect(site.service.state.withLock { $0.requests } == [CommandID.of(clientMessage: "m-1", in: "c")])
      phone.send(#"{"type":"retry","data":{"turn_id":"t"}}"#)
      #expect(await eventually { phone.frames.last?.data["code"] as? String == "TURN_UNKNOWN" })
      phone.send(#"{"type":"tts_cancel","data":{"turn_id":"t","heard":1.5}}"#)
      #expect(await eventually { phone.types.last == "tts_cancelled" })
      #expect(site.service.state.withLock { $0.cancels.last?.heard } == .init(seconds: 1, nanos: 500_000_000))
    }
  }
}
