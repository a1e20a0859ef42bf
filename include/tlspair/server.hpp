/// @file
/// `tlspair::server`.

#ifndef TLSPAIR_SERVER_HPP
#define TLSPAIR_SERVER_HPP

#include "stream.hpp"

namespace tlspair {

class server_ref;

namespace detail {

struct server_callables : callables {
    callback<void(server_ref)> listening, close;
    callback<void(server_ref, stream_ref)> secure_connection;
    callback<void(server_ref, error_ref, stream_ref)> client_error;
    callback<void(server_ref, error_ref)> error;
    callback<void(server_ref, stream_ref, std::string_view, request)> sni;
    callback<void(server_ref, stream_ref, certificate_ref, request)> check_certificate;
    callback<void(server_ref, stream_ref, bytes, bytes)> new_session;
    callback<void(server_ref, stream_ref, bytes, request)> resume_session;
};

} // namespace detail

/// What a server counts of its clients' sessions.
enum class sessions : std::int32_t {
    full = TLS_SESSIONS_FULL,
    hit_ticket = TLS_SESSIONS_HIT_TICKET,
    hit_cache = TLS_SESSIONS_HIT_CACHE,
    hit_store = TLS_SESSIONS_HIT_STORE,
    miss_unknown_id = TLS_SESSIONS_MISS_UNKNOWN_ID,
    miss_unknown_key = TLS_SESSIONS_MISS_UNKNOWN_KEY,
    miss_expired = TLS_SESSIONS_MISS_EXPIRED,
    miss_policy = TLS_SESSIONS_MISS_POLICY,
    miss_sealed = TLS_SESSIONS_MISS_SEALED,
    miss_store_timeout = TLS_SESSIONS_MISS_STORE_TIMEOUT,
    miss_store_error = TLS_SESSIONS_MISS_STORE_ERROR,
};

/// A server by its id, which owns nothing: as `stream_ref`. All functions belong to the loop's thread.
class server_ref : public detail::emitter<tls_server, detail::server_callables, tls_server_user_data,
                                          tls_server_set_user_data> {
public:
    using emitter::emitter;

    // ---- what it does ----

    /// Port 0: any that is free. nullptr: any IPv4 address.
    void listen(int port, const text &host, code_or_throw out = {}) const {
        if (!out.refuses(host)) {
            out.check(tls_server_listen(get(), port, host.c_str()));
        }
    }
    void listen(int port, code_or_throw out = {}) const { listen(port, nullptr, out); }
    /// On a Unix socket.
    void listen_path(const text &path, code_or_throw out = {}) const {
        if (!out.refuses(path)) {
            out.check(tls_server_listen_path(get(), path.c_str()));
        }
    }
    /// On a socket that listens already.
    void listen_fd(tls_socket fd, bool close_fd, code_or_throw out = {}) const {
        out.check(tls_server_listen_fd(get(), fd, close_fd ? 1 : 0));
    }
    /// Speaks TLS over a connection that was accepted elsewhere, of which `received` was read already. The
    /// stream is the server's, as all its connections, until it is taken.
    stream_ref accept_fd(tls_socket fd, bool close_fd, bytes received = {}, code_or_throw out = {}) const {
        return stream_ref(
            out.check(tls_server_accept_fd(get(), fd, close_fd ? 1 : 0, received.data(), received.size())));
    }
    /// The same over an open stream.
    stream_ref accept_stream(stream_ref stream, bytes received = {}, code_or_throw out = {}) const {
        return stream_ref(out.check(tls_server_accept_stream(get(), stream.get(), received.data(), received.size())));
    }
    /// Takes no more connections; the close event comes after the last one that is open.
    void close(code_or_throw out = {}) const { out.check(tls_server_close(get())); }
    /// The same, and destroys those that are open.
    void destroy(code_or_throw out = {}) const { out.check(tls_server_destroy(get())); }
    /// Whether the listening server keeps `loop::run` going.
    void ref(code_or_throw out = {}) const { out.check(tls_server_ref(get())); }
    void unref(code_or_throw out = {}) const { out.check(tls_server_unref(get())); }

    // ---- how it does it, for connections to come ----

    /// 0: the default of 120 seconds.
    void set_handshake_timeout(std::chrono::milliseconds time, code_or_throw out = {}) const {
        std::uint64_t number = 0;
        if (detail::milliseconds(time, number, out)) {
            out.check(tls_server_set_handshake_timeout(get(), number));
        }
    }
    /// 0: no limit.
    void set_max_connections(std::size_t count, code_or_throw out = {}) const {
        out.check(tls_server_set_max_connections(get(), count));
    }
    void set_request_cert(bool enabled, code_or_throw out = {}) const {
        out.check(tls_server_set_request_cert(get(), enabled ? 1 : 0));
    }
    /// Whether clients without a good certificate are refused; not the default.
    void set_reject_unauthorized(bool enabled, code_or_throw out = {}) const {
        out.check(tls_server_set_reject_unauthorized(get(), enabled ? 1 : 0));
    }
    /// How often a client may renegotiate in that time; 0: never.
    void set_client_renegotiation(std::uint32_t limit, std::chrono::milliseconds window, code_or_throw out = {}) const {
        std::uint64_t number = 0;
        if (detail::milliseconds(window, number, out)) {
            out.check(tls_server_set_client_renegotiation(get(), limit, number));
        }
    }
    void set_alpn_protocols(const names &names, code_or_throw out = {}) const {
        if (!out.refuses(names)) {
            out.check(tls_server_set_alpn_protocols(get(), names.data(), names.size()));
        }
    }
    void set_alpn_buffer(bytes data, code_or_throw out = {}) const {
        out.check(tls_server_set_alpn_buffer(get(), data.data(), data.size()));
    }
    void set_npn_protocols(const names &names, code_or_throw out = {}) const {
        if (!out.refuses(names)) {
            out.check(tls_server_set_npn_protocols(get(), names.data(), names.size()));
        }
    }
    void set_npn_buffer(bytes data, code_or_throw out = {}) const {
        out.check(tls_server_set_npn_buffer(get(), data.data(), data.size()));
    }
    /// Serves clients that ask for this name (`"*.example.org"`: one label more) by another context.
    void add_context(const text &hostname, const context_ref &context, code_or_throw out = {}) const {
        if (!out.refuses(hostname)) {
            out.check(tls_server_add_context(get(), hostname.c_str(), context.get()));
        }
    }
    void remove_context(const text &hostname, code_or_throw out = {}) const {
        if (!out.refuses(hostname)) {
            out.check(tls_server_remove_context(get(), hostname.c_str()));
        }
    }
    /// How long `on_resume_session` may take; 0: the default of 5 seconds.
    void set_resume_session_timeout(std::chrono::milliseconds time, code_or_throw out = {}) const {
        std::uint64_t number = 0;
        if (detail::milliseconds(time, number, out)) {
            out.check(tls_server_set_resume_session_timeout(get(), number));
        }
    }
    /// Whether clients get stateless tickets.
    void set_session_tickets(bool enabled, code_or_throw out = {}) const {
        out.check(tls_server_set_session_tickets(get(), enabled ? 1 : 0));
    }

    // ---- what is known about it: empty or -1 where there is nothing ----

    std::string_view address() const noexcept { return detail::view(tls_server_address(get())); }
    int port() const noexcept { return tls_server_port(get()); }
    std::string_view family() const noexcept { return detail::view(tls_server_family(get())); }
    std::int64_t connections() const noexcept { return tls_server_connections(get()); }
    std::int64_t session_count(sessions what) const noexcept {
        return tls_server_session_count(get(), static_cast<std::int32_t>(what));
    }

    // ---- events ----

    void on_listening(callback<void(server_ref)> callable, code_or_throw out = {}) const {
        subscribe(&callables::listening, std::move(callable), tls_server_on_listening,
                  [](tls_server *server, void *kept) { run(kept, &callables::listening, server_ref(server)); }, out);
    }
    /// The stream lives until its close event; `stream_ref::take` makes it one's own.
    void on_secure_connection(callback<void(server_ref, stream_ref)> callable, code_or_throw out = {}) const {
        subscribe(&callables::secure_connection, std::move(callable), tls_server_on_secure_connection,
                  [](tls_server *server, tls_stream *stream, void *kept) {
                      run(kept, &callables::secure_connection, server_ref(server), stream_ref(stream));
                  }, out);
    }
    /// A connection failed before it was secure; the stream is destroyed after the callback.
    void on_client_error(callback<void(server_ref, error_ref, stream_ref)> callable, code_or_throw out = {}) const {
        subscribe(&callables::client_error, std::move(callable), tls_server_on_client_error,
                  [](tls_server *server, const tls_error *error, tls_stream *stream, void *kept) {
                      run(kept, &callables::client_error, server_ref(server), error_ref(error), stream_ref(stream));
                  }, out);
    }
    /// Accepting failed; the server goes on by itself.
    void on_error(callback<void(server_ref, error_ref)> callable, code_or_throw out = {}) const {
        subscribe(&callables::error, std::move(callable), tls_server_on_error,
                  [](tls_server *server, const tls_error *error, void *kept) {
                      run(kept, &callables::error, server_ref(server), error_ref(error));
                  }, out);
    }
    /// The last event; all callables of the server are destroyed after it.
    void on_close(callback<void(server_ref)> callable, code_or_throw out = {}) const {
        subscribe(&callables::close, std::move(callable), tls_server_on_close,
                  [](tls_server *server, void *kept) { run(kept, &callables::close, server_ref(server)); }, out);
    }
    /// Which context serves the name that a client asks for: `request::resolve_context`.
    void on_sni(callback<void(server_ref, stream_ref, std::string_view servername, request)> callable,
                code_or_throw out = {}) const {
        subscribe(&callables::sni, std::move(callable), tls_server_on_sni,
                  [](tls_server *server, tls_stream *stream, const char *servername, tls_request *asked, void *kept) {
                      run(kept, &callables::sni, server_ref(server), stream_ref(stream), detail::view(servername),
                          request(asked));
                  }, out);
    }
    /// Whether a client with a good certificate is welcome: `request::resolve_verdict`.
    void on_check_certificate(callback<void(server_ref, stream_ref, certificate_ref, request)> callable,
                              code_or_throw out = {}) const {
        subscribe(&callables::check_certificate, std::move(callable), tls_server_on_check_certificate,
                  [](tls_server *server, tls_stream *stream, const tls_certificate *certificate, tls_request *asked,
                     void *kept) {
                      run(kept, &callables::check_certificate, server_ref(server), stream_ref(stream),
                          detail::certificate_of(certificate), request(asked));
                  }, out);
    }
    /// A session to keep under its id; both are valid until the callback returns.
    void on_new_session(callback<void(server_ref, stream_ref, bytes id, bytes session)> callable,
                        code_or_throw out = {}) const {
        subscribe(&callables::new_session, std::move(callable), tls_server_on_new_session,
                  [](tls_server *server, tls_stream *stream, const std::uint8_t *id, std::size_t id_length,
                     const std::uint8_t *session, std::size_t session_length, void *kept) {
                      run(kept, &callables::new_session, server_ref(server), stream_ref(stream), bytes(id, id_length),
                          bytes(session, session_length));
                  }, out);
    }
    /// What is kept under this id: `request::resolve_session`.
    void on_resume_session(callback<void(server_ref, stream_ref, bytes id, request)> callable,
                           code_or_throw out = {}) const {
        subscribe(&callables::resume_session, std::move(callable), tls_server_on_resume_session,
                  [](tls_server *server, tls_stream *stream, const std::uint8_t *id, std::size_t id_length,
                     tls_request *asked, void *kept) {
                      run(kept, &callables::resume_session, server_ref(server), stream_ref(stream),
                          bytes(id, id_length), request(asked));
                  }, out);
    }

    static void finish(tls_server *server) noexcept { tls_server_destroy(server); }
};

/// A TLS server on a loop. When it goes, it stops accepting and its open connections are destroyed;
/// `close` before lets them end by themselves, and `release` lets it live on with the loop.
class server : public detail::owner<server_ref> {
public:
    /// The context has a certificate and a key.
    server(loop_ref loop, const context_ref &context, code_or_throw out = {})
        : owner(out.check(tls_server_new(loop.get(), context.get()))) {}
    using owner::owner;
};

} // namespace tlspair

template <>
struct std::hash<tlspair::server_ref> : tlspair::detail::hash<tlspair::server_ref> {};

#endif
