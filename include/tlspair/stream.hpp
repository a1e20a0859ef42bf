/// @file
/// `tlspair::stream`: one TLS connection on a loop.

#ifndef TLSPAIR_STREAM_HPP
#define TLSPAIR_STREAM_HPP

#include "certificate.hpp"
#include "loop.hpp"
#include "reading.hpp"
#include "request.hpp"

namespace tlspair {

class stream;
class stream_ref;

namespace detail {

struct stream_callables : reading<stream_ref> {
    callback<void(stream_ref)> secure_connect, drain, timeout;
    callback<void(stream_ref, error_ref)> error;
    callback<void(stream_ref, bool)> close;
    callback<void(stream_ref, bytes)> session;
    callback<void(stream_ref, certificate_ref, std::string_view, request)> check_identity;
};

} // namespace detail

/// A stream by its id. It owns nothing: the connection lives until its close event, after which calls are
/// `status::invalid_handle`. All functions belong to the loop's thread.
///
/// Callables that are registered live with the connection, not with this object. They are destroyed when they
/// are replaced, or after the close event; nullptr unregisters.
class stream_ref : public detail::emitter<tls_stream, detail::stream_callables, tls_stream_user_data,
                                          tls_stream_set_user_data> {
public:
    using emitter::emitter;

    /// Makes it one's own, to be destroyed by the object that comes back.
    stream take() const noexcept;

    // ---- what it does ----

    /// All of it is taken. False: the high-water mark is reached, wait for drain.
    bool write(bytes data, code_or_throw out = {}) const {
        const tls_status status = tls_stream_write(get(), data.data(), data.size());
        return out.check(status) && status != TLS_FULL;
    }
    /// Sends what was written, then says that nothing more comes.
    void end(code_or_throw out = {}) const { out.check(tls_stream_end(get())); }
    /// Drops the connection; only the close event follows.
    void destroy(code_or_throw out = {}) const {
        if (out.check(tls_stream_destroy(get())) && get() != nullptr) {
            if (callables *kept = known()) {
                kept->destroyed = true;
            }
        }
    }
    void pause(code_or_throw out = {}) const { out.check(tls_stream_pause(get())); }
    void resume(code_or_throw out = {}) const { out.check(tls_stream_resume(get())); }
    /// Writes to the other whatever is received here; it may be this one.
    void pipe(stream_ref destination, code_or_throw out = {}) const {
        out.check(tls_stream_pipe(get(), destination.get()));
    }
    /// Makes the handshake anew (TLS 1.2); the callback says that it is over.
    void renegotiate(callback<void(stream_ref)> done = nullptr, code_or_throw out = {}) const {
        if (!done) {
            out.check(tls_stream_renegotiate(get(), nullptr, nullptr));
            return;
        }
        callables *kept = wanted(out);
        if (kept != nullptr && out.check(tls_stream_renegotiate(get(), renegotiated, kept))) {
            kept->renegotiated = std::move(done);
        }
    }
    /// From now on, each renegotiation that the peer asks for ends the connection.
    void disable_renegotiation(code_or_throw out = {}) const { out.check(tls_stream_disable_renegotiation(get())); }

    // ---- how it does it ----

    void set_high_water_mark(std::size_t size, code_or_throw out = {}) const {
        out.check(tls_stream_set_high_water_mark(get(), size));
    }
    /// Whether our side stays open when the peer has ended.
    void set_allow_half_open(bool enabled, code_or_throw out = {}) const {
        out.check(tls_stream_set_allow_half_open(get(), enabled ? 1 : 0));
    }
    /// After how long without traffic the timeout event comes; 0: never.
    void set_timeout(std::chrono::milliseconds time, code_or_throw out = {}) const {
        std::uint64_t number = 0;
        if (detail::milliseconds(time, number, out)) {
            out.check(tls_stream_set_timeout(get(), number));
        }
    }
    void set_no_delay(bool enabled, code_or_throw out = {}) const {
        out.check(tls_stream_set_no_delay(get(), enabled ? 1 : 0));
    }
    void set_keep_alive(bool enabled, std::chrono::milliseconds initial_delay = {}, code_or_throw out = {}) const {
        std::uint64_t number = 0;
        if (detail::milliseconds(initial_delay, number, out)) {
            out.check(tls_stream_set_keep_alive(get(), enabled ? 1 : 0, number));
        }
    }
    /// Whether the open stream keeps `loop::run` going.
    void ref(code_or_throw out = {}) const { out.check(tls_stream_ref(get())); }
    void unref(code_or_throw out = {}) const { out.check(tls_stream_unref(get())); }

    // ---- what is known about it: empty, 0 or -1 where there is nothing ----

    std::uint64_t bytes_written() const noexcept { return tls_stream_bytes_written(get()); }
    std::uint64_t bytes_read() const noexcept { return tls_stream_bytes_read(get()); }
    std::size_t writable_length() const noexcept { return tls_stream_writable_length(get()); }
    bool secure() const noexcept { return tls_stream_secure(get()) == 1; }
    bool authorized() const noexcept { return tls_stream_authorized(get()) == 1; }
    std::string_view authorization_error() const noexcept {
        return detail::view(tls_stream_authorization_error(get()));
    }
    certificate peer_certificate() const noexcept { return certificate(tls_stream_peer_certificate(get())); }
    std::string_view cipher_name() const noexcept { return detail::view(tls_stream_cipher_name(get())); }
    std::string_view cipher_standard_name() const noexcept {
        return detail::view(tls_stream_cipher_standard_name(get()));
    }
    std::string_view protocol() const noexcept { return detail::view(tls_stream_protocol(get())); }
    std::string_view servername() const noexcept { return detail::view(tls_stream_servername(get())); }
    std::string_view alpn_protocol() const noexcept { return detail::view(tls_stream_alpn_protocol(get())); }
    std::string_view npn_protocol() const noexcept { return detail::view(tls_stream_npn_protocol(get())); }
    std::string_view local_address() const noexcept { return detail::view(tls_stream_local_address(get())); }
    int local_port() const noexcept { return tls_stream_local_port(get()); }
    std::string_view remote_address() const noexcept { return detail::view(tls_stream_remote_address(get())); }
    int remote_port() const noexcept { return tls_stream_remote_port(get()); }
    bool session_reused() const noexcept { return tls_stream_session_reused(get()) == 1; }
    /// A client's newest session, which is secret; valid until this is called again.
    bytes session() const noexcept {
        std::size_t length = 0;
        const std::uint8_t *data = tls_stream_session(get(), &length);
        return {data, length};
    }

    // ---- events ----

    void on_secure_connect(callback<void(stream_ref)> callable, code_or_throw out = {}) const {
        subscribe(&callables::secure_connect, std::move(callable), tls_stream_on_secure_connect,
                  [](tls_stream *stream, void *kept) { run(kept, &callables::secure_connect, stream_ref(stream)); },
                  out);
    }
    /// The bytes are valid until the callback returns.
    void on_data(callback<void(stream_ref, bytes)> callable, code_or_throw out = {}) const {
        const bool done = subscribe(&callables::data, std::move(callable), tls_stream_on_data,
                  [](tls_stream *stream, const std::uint8_t *data, std::size_t length, void *kept) {
                      run(kept, &callables::data, stream_ref(stream), bytes(data, length));
                  }, out);
        if (callables *kept = done ? known() : nullptr) {
            kept->use_bytes();
        }
    }
    /// In place of `on_data`: the data as UTF-8, in whole characters. What is no UTF-8 becomes U+FFFD; so
    /// does a character that is not finished when the peer ends, before the end event.
    void on_text(callback<void(stream_ref, std::string_view)> callable, code_or_throw out = {}) const {
        const bool done = subscribe(&callables::characters, std::move(callable), tls_stream_on_data,
                  [](tls_stream *stream, const std::uint8_t *data, std::size_t length, void *kept) {
                      static_cast<callables *>(kept)->run_characters(stream_ref(stream), bytes(data, length));
                  }, out);
        if (callables *kept = done ? known() : nullptr) {
            kept->use_characters();
            out.check(tls_stream_on_end(get(), ended, kept));
        }
    }
    /// The peer sends no more. Not clean: it was cut off, and data may be missing.
    void on_end(callback<void(stream_ref, bool clean)> callable, code_or_throw out = {}) const {
        const bool done = subscribe(&callables::end, std::move(callable), tls_stream_on_end, ended, out);
        // It also ends the last character.
        if (callables *kept = done ? known() : nullptr) {
            out.check(tls_stream_on_end(get(), ended, kept));
        }
    }
    void on_drain(callback<void(stream_ref)> callable, code_or_throw out = {}) const {
        subscribe(&callables::drain, std::move(callable), tls_stream_on_drain,
                  [](tls_stream *stream, void *kept) { run(kept, &callables::drain, stream_ref(stream)); }, out);
    }
    void on_timeout(callback<void(stream_ref)> callable, code_or_throw out = {}) const {
        subscribe(&callables::timeout, std::move(callable), tls_stream_on_timeout,
                  [](tls_stream *stream, void *kept) { run(kept, &callables::timeout, stream_ref(stream)); }, out);
    }
    /// The close event follows. The error is valid until the callback returns.
    void on_error(callback<void(stream_ref, error_ref)> callable, code_or_throw out = {}) const {
        subscribe(&callables::error, std::move(callable), tls_stream_on_error,
                  [](tls_stream *stream, const tls_error *error, void *kept) {
                      run(kept, &callables::error, stream_ref(stream), error_ref(error));
                  }, out);
    }
    /// The last event; all callables of the stream are destroyed after it.
    void on_close(callback<void(stream_ref, bool had_error)> callable, code_or_throw out = {}) const {
        subscribe(&callables::close, std::move(callable), tls_stream_on_close,
                  [](tls_stream *stream, int had_error, void *kept) {
                      run(kept, &callables::close, stream_ref(stream), had_error != 0);
                  }, out);
    }
    /// Client: a session that can be resumed; valid until the callback returns, and secret.
    void on_session(callback<void(stream_ref, bytes)> callable, code_or_throw out = {}) const {
        subscribe(&callables::session, std::move(callable), tls_stream_on_session,
                  [](tls_stream *stream, const std::uint8_t *session, std::size_t length, void *kept) {
                      run(kept, &callables::session, stream_ref(stream), bytes(session, length));
                  }, out);
    }
    /// Client: whether this is the server that was meant, in place of the check of its name (empty: the
    /// chain alone would count). The request wants `resolve_verdict`.
    void on_check_identity(callback<void(stream_ref, certificate_ref, std::string_view name, request)> callable,
                           code_or_throw out = {}) const {
        subscribe(&callables::check_identity, std::move(callable), tls_stream_on_check_identity,
                  [](tls_stream *stream, const tls_certificate *certificate, const char *name, tls_request *asked,
                     void *kept) {
                      run(kept, &callables::check_identity, stream_ref(stream), detail::certificate_of(certificate),
                          detail::view(name), request(asked));
                  }, out);
    }

    static void finish(tls_stream *stream) noexcept {
        std::error_code ignored;
        stream_ref(stream).destroy(ignored);
    }

private:
    static void ended(tls_stream *stream, int clean, void *kept) {
        static_cast<callables *>(kept)->run_end(stream_ref(stream), clean != 0);
    }

    static void renegotiated(tls_stream *stream, void *kept) {
        static_cast<callables *>(kept)->run_renegotiated(stream_ref(stream));
    }
};

/// A stream of one's own: it is destroyed when this goes. `release` lets it live until its close event.
class stream : public detail::owner<stream_ref> {
public:
    using owner::owner;
};

inline stream stream_ref::take() const noexcept { return stream(get()); }

} // namespace tlspair

template <>
struct std::hash<tlspair::stream_ref> : tlspair::detail::hash<tlspair::stream_ref> {};

#endif
