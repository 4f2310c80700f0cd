import Foundation
import Logging
import Testing

@testable import Operations

@Suite struct ConfigurationTests {
  static func load(
    flags: [String: String] = [:], environment: [String: String] = [:], file: String? = nil
  ) throws(ConfigurationError) -> ServiceConfiguration {
    try ServiceConfiguration(try ConfigurationSources(flags: flags, environment: environment, file: file))
  }

  static func error(
    flags: [String: String] = [:], environment: [String: String] = [:], file: String? = nil
  ) -> String {
    do throws(ConfigurationError) {
      _ = try load(flags: flags, environment: environment, file: file)
      return ""
    } catch {
      return error.description
    }
  }

  @Test func defaults() throws {
    let configuration = try Self.load()
    #expect(
      configuration.grpc
        == .init(address: .tcp(host: "127.0.0.1", port: 50_051), eventLoopCount: 0, connectionIdle: .seconds(1_800)))
    #expect(
      configuration.bridge
        == .init(
          address: .tcp(host: "127.0.0.1", port: 8080), console: .auto, piecePause: .milliseconds(500),
          legacySession_max: .seconds(24 * 3600), origins: [],
          connectionsPerAddress: 2048))
    #expect(configuration.admin == .tcp(host: "127.0.0.1", port: 9090))
    #expect(configuration.database.url == nil && configuration.database.poolSize == 16)
    #expect(configuration.data == .init(path: "./.lifeecho", isEphemeral: false))
    #expect(configuration.jwt.secretFile == nil && configuration.jwt.keyFiles.isEmpty)
    #expect(configuration.jwt.leeway == .seconds(30))
    #expect(configuration.chat == .builtin)
    #expect(configuration.chips == .init(isEnabled: true, count_max: 4))
    #expect(configuration.regreeting == .init(isEnabled: true, idle: .seconds(6 * 3600)))
    #expect(configuration.connect == .init(heartbeat: .seconds(25), bufferEvents: 256, buffer_bytes: 1 << 20))
    #expect(configuration.log == .init(level: .info, format: .auto))
  }

  /// Flags over environment over file over defaults, for a setting given in each set of them.
  @Test(arguments: [
    (true, true, true, 1), (true, false, true, 1), (true, true, false, 1), (false, true, true, 2),
    (false, true, false, 2), (false, false, true, 3), (false, false, false, 4),
  ])
  func precedence(_ flag: Bool, _ variable: Bool, _ file: Bool, _ expected: Int) throws {
    let folder = try TemporaryFolder()
    let path = file ? try folder.write(#"{"chips": {"max": 3}}"#, to: "c.json") : nil
    let configuration = try Self.load(
      flags: flag ? ["chips.max": "1"] : [:], environment: variable ? ["LIFEECHO_CHIPS_MAX": "2"] : [:], file: path)
    #expect(configuration.chips.count_max == expected)
  }

  @Test func readsAFile() throws {
    let folder = try TemporaryFolder()
    let path = try folder.write(
      """
      {"grpc": {"address": "[::1]:0"}, "chips.enabled": false, "regreeting": {"idle": "90m"},
       "jwt": {"key_files": ["/a.pem", "/b.pem"], "issuer": "me"}, "log": {"level": "debug"},
       "chat": {"engine": "openai", "url": "http://127.0.0.1:8000/v1", "temperature": 0.5, "max_tokens": 100}}
      """, to: "c.json")
    for (environment, file) in [([:], path), (["LIFEECHO_CONFIG": path], nil)] as [([String: String], String?)] {
      let configuration = try Self.load(environment: environment, file: file)
      #expect(configuration.grpc.address == .tcp(host: "::1", port: 0))
      #expect(!configuration.chips.isEnabled)
      #expect(configuration.regreeting.idle == .seconds(5400))
      #expect(configuration.jwt.keyFiles == ["/a.pem", "/b.pem"] && configuration.jwt.issuer == "me")
      #expect(configuration.log.level == .debug)
      guard case .openai(let chat) = configuration.chat else { return #expect(Bool(false), "not openai") }
      #expect(chat.url == "http://127.0.0.1:8000/v1" && chat.temperature == 0.5 && chat.maxTokens == 100)
    }
  }

  @Test func theFlagsFileWinsOverTheVariables() throws {
    let folder = try TemporaryFolder()
    let one = try folder.write(#"{"chips.max": 1}"#, to: "1.json")
    let two = try folder.write(#"{"chips.max": 2}"#, to: "2.json")
    #expect(try Self.load(environment: ["LIFEECHO_CONFIG": two], file: one).chips.count_max == 1)
  }

  @Test func emptyVariablesAreUnset() throws {
    let configuration = try Self.load(environment: [
      "LIFEECHO_DATABASE_URL": "", "LIFEECHO_GRPC_ADDRESS": "", "LIFEECHO_CONFIG": "",
    ])
    #expect(configuration == (try Self.load()))
  }

  @Test func otherVariablesDoNotMatter() throws {
    #expect(try Self.load(environment: ["HOME": "/", "LIFE_ECHO": "x", "lifeecho_grpc": "x"]) == (try Self.load()))
  }

  @Test(arguments: [
    ("grpc.adress", "setting grpc.adress is unknown; did you mean grpc.address?"),
    ("x", "setting x is unknown; lifeecho serve --help lists the settings"),
  ])
  func unknownFlags(_ name: String, _ message: String) {
    #expect(Self.error(flags: [name: "1"]) == message)
  }

  @Test(arguments: [
    (
      "LIFEECHO_GRPC_ADRESS",
      "environment variable LIFEECHO_GRPC_ADRESS is unknown; did you mean LIFEECHO_GRPC_ADDRESS?"
    ),
    ("LIFEECHO_CONFG", "environment variable LIFEECHO_CONFG is unknown; did you mean LIFEECHO_CONFIG?"),
    (
      "LIFEECHO_SERVICE_HOST",
      "environment variable LIFEECHO_SERVICE_HOST is unknown; if Kubernetes set it, set enableServiceLinks: false in the pod"
    ),
  ])
  func unknownVariables(_ name: String, _ message: String) {
    #expect(Self.error(environment: [name: "1"]) == message)
    #expect(Self.error(environment: [name: ""]) == message)
  }

  @Test(arguments: [
    (#"{"chips": {"maximum": 3}}"#, "key chips.maximum is unknown"),
    (#"{"chips": {"mx": 3}}"#, "did you mean chips.max?"),
    (#"{"chips": 3}"#, "key chips is unknown"), (#"{"chips": {"max": {"a": 1}}}"#, "key chips.max.a is unknown"),
    (#"{"chips": {"max": null}}"#, "key chips.max: it is null"),
    (#"{"chips.max": 1, "chips": {"max": 2}}"#, "chips.max: it is set twice"),
    ("[1]", "not a JSON object"), ("", "not JSON"), ("{", "not JSON"), (#"{"chips": {"max": 3},}x"#, "not JSON"),
    (#"{"jwt": {"key_files": ["a,b"]}}"#, "texts without commas"),
    (#"{"jwt": {"key_files": [{}]}}"#, "texts without commas"),
    (#"{"chips": {"max": 1.5}}"#, "chips.max: '1.5' is not a whole number from 1 to 16"),
    (#"{"chips": {"enabled": 3}}"#, "chips.enabled: '3' is not true or false"),
  ])
  func badFiles(_ text: String, _ message: String) throws {
    let folder = try TemporaryFolder()
    let path = try folder.write(text, to: "c.json")
    let error = Self.error(file: path)
    #expect(error.contains(message) && error.contains(path) && !error.contains("\n"), "\(error)")
  }

  @Test func missingFile() {
    #expect(Self.error(file: "/nonexistent.json") == "configuration file /nonexistent.json: it does not exist")
    #expect(Self.error(environment: ["LIFEECHO_CONFIG": "/nonexistent.json"]).contains("does not exist"))
  }

  @Test func boundsAFile() throws {
    let folder = try TemporaryFolder()
    let path = try folder.write(String(repeating: " ", count: Limits.configurationFileBytes + 1), to: "c.json")
    #expect(Self.error(file: path).contains("larger than"))
  }

  @Test(arguments: [
    ("grpc.address", "localhost", "--grpc: 'localhost' has no port"), ("grpc.address", "off", "gRPC cannot be off"),
    ("admin.address", "::1:80", "--admin: an IPv6 address needs brackets"),
    ("bridge.address", "8080", "--bridge: '8080' has no port"),
    ("bridge.console", "maybe", "is not one of auto, on, off"),
    ("bridge.piece_pause", "1h", "is outside"), ("bridge.legacy_session_max", "0s", "is outside"),
    ("database.url", "", "--database-url: it is empty"),
    ("chips.max", "0", "--set chips.max: '0' is not a whole number"),
    ("chips.max", "四", "is not a whole number"), ("chips.enabled", "maybe", "is not true or false"),
    ("regreeting.idle", "6", "is not a duration"), ("regreeting.idle", "10ms", "is outside"),
    ("log.level", "loud", "is not one of trace, debug"),
    ("log.format", "xml", "is not one of auto, json, text"), ("chat.engine", "magic", "is not one of builtin, openai"),
    ("chat.engine", "openai", "chat.url is not set"), ("chat.url", "http://x/v1", "chat.engine is builtin"),
    ("tls.cert", "/c.pem", "tls.key is not"), ("tls.key", "/k.pem", "tls.cert is not"), ("tls.key", "", "it is empty"),
    ("chat.temperature", "nan", "is not a number"), ("chat.temperature", "2.5", "is not a number"),
  ])
  func badValues(_ name: String, _ value: String, _ message: String) {
    let error = Self.error(flags: [name: value])
    #expect(error.contains(message) && !error.contains("\n"), "\(error)")
  }

  @Test func badValuesNameTheirVariable() {
    #expect(Self.error(environment: ["LIFEECHO_CHIPS_MAX": "x"]).hasPrefix("LIFEECHO_CHIPS_MAX: "))
  }

  @Test func contradictions() {
    #expect(
      Self.error(flags: ["data.ephemeral": "true", "database.url": "postgresql://x"]).contains("exclude each other"))
    #expect(Self.error(flags: ["chat.engine": "openai", "chat.url": "ftp://x"]).contains("not an http://"))
  }

  @Test(arguments: [
    ("http://", "has no host"), ("http:///v1", "has no host"), ("http://:80/v1", "has no host"),
    ("http://[::1:9/v1", "is not a URL"), ("http://127.0.0.1/v 1", "is not a URL"),
    ("http://exa mple/v1", "is not a URL"),
    ("http://127.0.0.1/中文", "is not a URL"), ("http://127.0.0.1:99999/v1", "port"), ("http://127.0.0.1:0/v1", "port"),
    ("http://127.0.0.1:x/v1", "UR"), ("http://127.0.0.1/v1?x=1", "query or fragment"),
    ("http://127.0.0.1/v1#frag", "query or fragment"), ("http://127.0.0.1/v1?", "query or fragment"),
    ("http://user:secret@127.0.0.1/v1", "user name or password"), (" http://127.0.0.1/v1", "not an http://"),
  ])
  func engineURLsThatNameNoEngine(_ url: String, _ message: String) {
    for (engine, name) in [
      ("chat.engine", "chat.url"), ("speech.recognizer", "speech.recognizer_url"),
      ("speech.synthesizer", "speech.synthesizer_url"),
    ] {
      let error = Self.error(flags: [engine: "openai", name: url])
      #expect(error.contains(name) && error.contains(message) && !error.contains("secret"), "\(error)")
    }
  }

  @Test(arguments: [
    "http://127.0.0.1:8000/v1", "https://engine.example", "http://[::1]:9/v1/", "http://engine_1:8000/openai/v1",
  ])
  func engineURLs(_ url: String) throws {
    guard case .openai(let chat) = try Self.load(flags: ["chat.engine": "openai", "chat.url": url]).chat else {
      Issue.record("no engine")
      return
    }
    #expect(chat.url == url)
  }

  @Test func assignments() throws {
    let (name, value) = try ConfigurationSources.assignment("chat.url=http://x/?a=b")
    #expect(name == "chat.url" && value == "http://x/?a=b")
    #expect(throws: ConfigurationError.self) { try ConfigurationSources.assignment("chat.url") }
    #expect(throws: ConfigurationError.self) { try ConfigurationSources.assignment("=x") }
  }

  /// Every name is unique in each of its forms, every default is a value, and the manual tells of every setting.
  @Test func theTableIsSound() throws {
    #expect(Set(Settings.all.map(\.name)).count == Settings.all.count)
    #expect(Set(Settings.all.map(\.environmentName)).count == Settings.all.count)
    #expect(Set(Settings.all.compactMap(\.flag)).count == Settings.all.count(where: { $0.flag != nil }))
    for setting in Settings.all {
      #expect(SettingsManual.text.contains(setting.environmentName) && SettingsManual.text.contains(setting.meaning))
      #expect(SettingsManual.markdown.contains("| `\(setting.name)`"))
      #expect(!setting.meaning.isEmpty && !setting.meaning.hasSuffix("."))
    }
  }

  /// A setting that changes nothing would be a lie: each changes the configuration, or is refused for what it is.
  @Test(arguments: Settings.all.map(\.name))
  func everySettingHasAnEffect(_ name: String) throws {
    let values = [
      "1", "2", "200", "3s", "127.0.0.1:1", "/x", "true", "false", "65536", "debug", "json", "text", "0.1", "on",
    ]
    let openai = ["chat.engine": "openai", "chat.url": "http://x/v1"]
    let tls = ["tls.cert": "/c.pem", "tls.key": "/k.pem"]
    let speech = [
      "speech.recognizer": "openai", "speech.recognizer_url": "http://x/v1", "speech.synthesizer": "openai",
      "speech.synthesizer_url": "http://x/v1",
    ]
    let bases = ["chat.": openai, "tls.": tls, "speech.recognizer_": speech, "speech.synthesizer_": speech]
    let base = name == "speech.ffmpeg" ? speech : bases.first { name.hasPrefix($0.key) }?.value ?? [:]
    let before = try Self.load(flags: base)
    let changed = (values + ["builtin", "http://y/v1", "m4a"]).contains { value in
      var flags = base.merging([name: value]) { $1 }
      if name == "chat.engine" { flags["chat.url"] = nil }
      guard let after = try? Self.load(flags: flags) else { return false }
      return after != before
    }
    #expect(changed)
  }
}
