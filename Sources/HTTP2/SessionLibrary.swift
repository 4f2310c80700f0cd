import CNGHTTP2

/// The callback table and the options, shared by all sessions. nghttp2 only reads them.
struct SessionLibrary: @unchecked Sendable {  // set up once, then only read; never freed
  let callbacks: OpaquePointer

  /// nil when memory is exhausted.
  static let shared = SessionLibrary()

  private init?() {
    var created: OpaquePointer?
    guard nghttp2_session_callbacks_new(&created) == 0, let callbacks = created else { return nil }
    self.callbacks = callbacks
    nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks) { _, frame, userData in
      withSession(userData) { $0.beganHeaders(frame.unsafelyUnwrapped) }
    }
    nghttp2_session_callbacks_set_on_header_callback(callbacks) { _, _, name, nameCount, value, valueCount, _, user in
      withSession(user) {
        $0.receivedHeader(
          UnsafeBufferPointer(start: name, count: nameCount), UnsafeBufferPointer(start: value, count: valueCount))
      }
    }
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks) { _, _, id, bytes, count, userData in
      withSession(userData) { $0.receivedData(streamID: id, bytes.unsafelyUnwrapped, count: count) }
    }
    nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks) { _, frame, userData in
      withSession(userData) { $0.receivedFrame(frame.unsafelyUnwrapped) }
    }
    nghttp2_session_callbacks_set_on_frame_send_callback(callbacks) { _, frame, userData in
      withSession(userData) { $0.sentFrame(frame.unsafelyUnwrapped) }
    }
    nghttp2_session_callbacks_set_on_frame_not_send_callback(callbacks) { _, frame, _, userData in
      withSession(userData) { $0.failedToSendFrame(frame.unsafelyUnwrapped) }
    }
    nghttp2_session_callbacks_set_on_stream_close_callback(callbacks) { _, id, code, userData in
      withSession(userData) { $0.closedStream(id: id, HTTP2ErrorCode(rawValue: code)) }
    }
  }

  /// Makes a session; its user data is `userData`, which must outlive it, as `memory` must. Throws nghttp2's error.
  func makeSession(
    role: HTTP2Role, configuration: HTTP2Configuration, memory: SessionMemory.Slab?, userData: UnsafeMutableRawPointer
  ) throws(HTTP2Error) -> OpaquePointer {
    var createdOption: OpaquePointer?
    var code = nghttp2_option_new(&createdOption)
    guard code == 0, let option = createdOption else { throw .library(code: code) }
    defer { nghttp2_option_del(option) }
    nghttp2_option_set_no_auto_window_update(option, 1)
    nghttp2_option_set_no_closed_streams(option, 1)
    nghttp2_option_set_max_continuations(option, configuration.continuations)
    nghttp2_option_set_max_settings(option, Limits.settingsEntries)
    nghttp2_option_set_max_outbound_ack(option, Limits.outboundAcknowledgements)
    nghttp2_option_set_max_deflate_dynamic_table_size(option, Limits.headerTable_bytes)
    nghttp2_option_set_max_send_header_block_length(option, Limits.headerListCeiling_bytes)
    nghttp2_option_set_stream_reset_rate_limit(
      option, Limits.allResetsReceived.burst, Limits.allResetsReceived.perSecond)
    var created: OpaquePointer?
    var allocator = memory?.allocator ?? nghttp2_mem()
    withUnsafeMutablePointer(to: &allocator) { allocator in
      let allocator = memory == nil ? nil : allocator
      switch role {
      case .server: code = nghttp2_session_server_new3(&created, callbacks, userData, option, allocator)
      case .client: code = nghttp2_session_client_new3(&created, callbacks, userData, option, allocator)
      }
    }
    guard code == 0, let session = created else { throw .library(code: code) }
    return session
  }
}

/// Calls `body` with the session a callback belongs to, without touching its reference count. The session owns the
/// nghttp2 session, and callbacks come only from calls it makes itself, so it is alive.
@inline(__always)
private func withSession(_ userData: UnsafeMutableRawPointer?, _ body: (HTTP2Session) -> Int32) -> Int32 {
  Unmanaged<HTTP2Session>.fromOpaque(userData.unsafelyUnwrapped)._withUnsafeGuaranteedRef(body)
}
