/// @file
/// `tlspair::secure_pair`: TLS without I/O.

#ifndef TLSPAIR_SECURE_PAIR_HPP
#define TLSPAIR_SECURE_PAIR_HPP

#include "certificate.hpp"
#include "reading.hpp"
#include "request.hpp"

namespace tlspair {

class secure_pair_ref;

namespace detail {

struct secure_pair_callables : reading<secure_pair_ref> {
    callback<void(secure_pair_ref, bytes)> encrypted, session_made;
    callback<void(secure_pair_ref)> secured, drain;
    callback<void(secure_pair_ref, error_ref)> error;
    callback<void(secure_pair_ref, bool)> close;
    callback<void(secure_pair_ref, std::string_view, request)> sni;
    callback<void(secure_pair_ref, certificate_ref, request)> check_certificate;
    callback<void(secure_pair_ref, certificate_ref, std::string_view, request)> check_identity;
    callback<void(secure_pair_ref, bytes, bytes)> new_session;
    callback<void(secure_pair_ref, bytes, request)> resume_session;
    // It alone runs beside the others, and may free the pair.
    std::shared_ptr<callback<void(secure_pair_ref)>> ready;
};

} // namespace detail

/// A pair by its id, which owns nothing. Any thread may use a pair, one at a time.
///
/// Its callbacks run inside the functions under "what it does", which throw again what a callback threw.
/// Inside a callback of the pair, `start`, `feed`, `feed_eof`, `write` and `end` are carried out when
/// the callback has returned, by the call that is under way.
class secure_pair_ref : public detail::emitter<tls_secure_pair, detail::secure_pair_callables,
                                               tls_secure_pair_user_data, tls_secure_pair_set_user_data> {
public:
    using emitter::emitter;

    // ---- before it starts ----

    /// The name to ask the server for, and to verify.
    void set_servername(const text &servername, code_or_throw out = {}) const {
        if (!out.refuses(servername)) {
            out.check(tls_secure_pair_set_servername(get(), servername.c_str()));
        }
    }
    /// The name to verify, if it is another. nullptr: the chain only, on purpose.
    void set_verify_name(const text &name, code_or_throw out = {}) const {
        if (!out.refuses(name)) {
            out.check(tls_secure_pair_set_verify_name(get(), name.c_str()));
        }
    }
    void set_high_water_mark(std::size_t size, code_or_throw out = {}) const {
        out.check(tls_secure_pair_set_high_water_mark(get(), size));
    }
    void set_alpn_protocols(const names &names, code_or_throw out = {}) const {
        if (!out.refuses(names)) {
            out.check(tls_secure_pair_set_alpn_protocols(get(), names.data(), names.size()));
        }
    }
    void set_alpn_buffer(bytes data, code_or_throw out = {}) const {
        out.check(tls_secure_pair_set_alpn_buffer(get(), data.data(), data.size()));
    }
    void set_npn_protocols(const names &names, code_or_throw out = {}) const {
        if (!out.refuses(names)) {
            out.check(tls_secure_pair_set_npn_protocols(get(), names.data(), names.size()));
        }
    }
    void set_npn_buffer(bytes data, code_or_throw out = {}) const {
        out.check(tls_secure_pair_set_npn_buffer(get(), data.data(), data.size()));
    }
    /// Server: another context for clients that ask for this name.
    void add_context(const text &hostname, const context_ref &context, code_or_throw out = {}) const {
        if (!out.refuses(hostname)) {
            out.check(tls_secure_pair_add_context(get(), hostname.c_str(), context.get()));
        }
    }
    void remove_context(const text &hostname, code_or_throw out = {}) const {
        if (!out.refuses(hostname)) {
            out.check(tls_secure_pair_remove_context(get(), hostname.c_str()));
        }
    }
    /// How often the peer may renegotiate in that time; 0: never.
    void set_client_renegotiation(std::uint32_t limit, std::chrono::milliseconds window, code_or_throw out = {}) const {
        std::uint64_t number = 0;
        if (detail::milliseconds(window, number, out)) {
            out.check(tls_secure_pair_set_client_renegotiation(get(), limit, number));
        }
    }
    /// Server: whether the client gets stateless tickets.
    void set_session_tickets(bool enabled, code_or_throw out = {}) const {
        out.check(tls_secure_pair_set_session_tickets(get(), enabled ? 1 : 0));
    }
    /// Client: a session to offer to the server; empty: none.
    void set_session(bytes session, code_or_throw out = {}) const {
        out.check(tls_secure_pair_set_session(get(), session.data(), session.size()));
    }

    // ---- what it does: callbacks run in here ----

    /// Begins the handshake. The first feed, take or write does so as well.
    void start(code_or_throw out = {}) const {
        call([this] { return tls_secure_pair_start(get()); }, out);
    }
    /// Takes encrypted bytes that the transport brought. What cannot be used yet is kept; empty goes on
    /// with what waits.
    void feed(bytes data, code_or_throw out = {}) const {
        call([&] { return tls_secure_pair_feed(get(), data.data(), data.size(), nullptr); }, out);
    }
    /// Takes what it may of `data`, and leaves there what it did not take, also when something is thrown:
    /// to be fed again after reading.
    void feed_some(bytes &data, code_or_throw out = {}) const {
        std::size_t consumed = 0;
        const bytes all = data;
        const auto feed = [&] {
            const tls_status status = tls_secure_pair_feed(get(), all.data(), all.size(), &consumed);
            data = all.after(consumed);
            return status;
        };
        call(feed, out);
    }
    /// The transport has ended.
    void feed_eof(code_or_throw out = {}) const {
        call([this] { return tls_secure_pair_feed_eof(get()); }, out);
    }
    /// Moves encrypted bytes for the transport into `room`, and says how many; for pairs without
    /// `on_encrypted`.
    std::size_t take(mutable_bytes room, code_or_throw out = {}) const {
        std::size_t length = 0;
        take(room, length, out);
        return length;
    }
    /// The same; `length` is right also when a callback has thrown.
    void take(mutable_bytes room, std::size_t &length, code_or_throw out = {}) const {
        length = 0;
        call([&] { return tls_secure_pair_take(get(), room.data(), room.size(), &length); }, out);
    }
    /// Moves plaintext into `room`, and says how much; for pairs without `on_data`.
    std::size_t read(mutable_bytes room, code_or_throw out = {}) const {
        std::size_t length = 0;
        read(room, length, out);
        return length;
    }
    /// The same; `length` is right also when a callback has thrown.
    void read(mutable_bytes room, std::size_t &length, code_or_throw out = {}) const {
        length = 0;
        call([&] { return tls_secure_pair_read(get(), room.data(), room.size(), &length); }, out);
    }
    /// Plaintext to send. All of it is taken. False: the high-water mark is reached, wait for drain.
    bool write(bytes data, code_or_throw out = {}) const {
        const tls_status status = call([&] { return tls_secure_pair_write(get(), data.data(), data.size()); }, out);
        return status >= 0 && status != TLS_FULL;
    }
    /// Nothing more comes from us (close_notify).
    void end(code_or_throw out = {}) const {
        call([this] { return tls_secure_pair_end(get()); }, out);
    }
    /// Ends it without a word to the peer; only the close event follows.
    void destroy(code_or_throw out = {}) const {
        if (callables *kept = get() != nullptr ? known() : nullptr) {
            kept->destroyed = true;
        }
        call([this] { return tls_secure_pair_destroy(get()); }, out);
    }
    /// Makes the handshake anew (TLS 1.2); the callback says that it is over.
    void renegotiate(callback<void(secure_pair_ref)> done = nullptr, code_or_throw out = {}) const {
        if (!done) {
            call([this] { return tls_secure_pair_renegotiate(get(), nullptr, nullptr); }, out);
            return;
        }
        callables *kept = wanted(out);
        if (kept == nullptr) {
            return;
        }
        // It may be over before this returns. One that is under way keeps its callback.
        std::swap(kept->renegotiated, done);
        const auto renegotiate = [&] {
            const tls_status status = tls_secure_pair_renegotiate(get(), renegotiated, kept);
            if (status < 0) {
                std::swap(kept->renegotiated, done);
            }
            return status;
        };
        call(renegotiate, out);
    }
    /// From now on, each renegotiation that the peer asks for ends the connection.
    void disable_renegotiation(code_or_throw out = {}) const {
        out.check(tls_secure_pair_disable_renegotiation(get()));
    }

    // ---- what is known about it: empty or 0 where there is nothing ----

    bool secure() const noexcept { return tls_secure_pair_secure(get()) == 1; }
    bool authorized() const noexcept { return tls_secure_pair_authorized(get()) == 1; }
    std::string_view authorization_error() const noexcept {
        return detail::view(tls_secure_pair_authorization_error(get()));
    }
    certificate peer_certificate() const noexcept { return certificate(tls_secure_pair_peer_certificate(get())); }
    std::string_view cipher_name() const noexcept { return detail::view(tls_secure_pair_cipher_name(get())); }
    std::string_view cipher_standard_name() const noexcept {
        return detail::view(tls_secure_pair_cipher_standard_name(get()));
    }
    std::string_view protocol() const noexcept { return detail::view(tls_secure_pair_protocol(get())); }
    std::string_view servername() const noexcept { return detail::view(tls_secure_pair_servername(get())); }
    std::string_view alpn_protocol() const noexcept { return detail::view(tls_secure_pair_alpn_protocol(get())); }
    std::string_view npn_protocol() const noexcept { return detail::view(tls_secure_pair_npn_protocol(get())); }
    bool session_reused() const noexcept { return tls_secure_pair_session_reused(get()) == 1; }
    /// A client's newest session, which is secret; valid until this is called again.
    bytes session() const noexcept {
        std::size_t length = 0;
        const std::uint8_t *data = tls_secure_pair_session(get(), &length);
        return {data, length};
    }

    // ---- events ----

    /// Encrypted bytes for the transport, in place of `take`; valid until the callback returns.
    void on_encrypted(callback<void(secure_pair_ref, bytes)> callable, code_or_throw out = {}) const {
        subscribe(&callables::encrypted, std::move(callable), tls_secure_pair_on_encrypted,
                  [](tls_secure_pair *pair, const std::uint8_t *data, std::size_t length, void *kept) {
                      run(kept, &callables::encrypted, secure_pair_ref(pair), bytes(data, length));
                  }, out);
    }
    /// Plaintext, in place of `read`; valid until the callback returns.
    void on_data(callback<void(secure_pair_ref, bytes)> callable, code_or_throw out = {}) const {
        const bool done = subscribe(&callables::data, std::move(callable), tls_secure_pair_on_data,
                  [](tls_secure_pair *pair, const std::uint8_t *data, std::size_t length, void *kept) {
                      run(kept, &callables::data, secure_pair_ref(pair), bytes(data, length));
                  }, out);
        if (callables *kept = done ? known() : nullptr) {
            kept->use_bytes();
        }
    }
    /// In place of `on_data`: the plaintext as UTF-8, as `stream_ref::on_text`.
    void on_text(callback<void(secure_pair_ref, std::string_view)> callable, code_or_throw out = {}) const {
        const bool done = subscribe(&callables::characters, std::move(callable), tls_secure_pair_on_data,
                  [](tls_secure_pair *pair, const std::uint8_t *data, std::size_t length, void *kept) {
                      static_cast<callables *>(kept)->run_characters(secure_pair_ref(pair), bytes(data, length));
                  }, out);
        if (callables *kept = done ? known() : nullptr) {
            kept->use_characters();
            out.check(tls_secure_pair_on_end(get(), ended, kept));
        }
    }
    void on_secure(callback<void(secure_pair_ref)> callable, code_or_throw out = {}) const {
        subscribe(&callables::secured, std::move(callable), tls_secure_pair_on_secure,
                  [](tls_secure_pair *pair, void *kept) { run(kept, &callables::secured, secure_pair_ref(pair)); },
                  out);
    }
    void on_drain(callback<void(secure_pair_ref)> callable, code_or_throw out = {}) const {
        subscribe(&callables::drain, std::move(callable), tls_secure_pair_on_drain,
                  [](tls_secure_pair *pair, void *kept) { run(kept, &callables::drain, secure_pair_ref(pair)); }, out);
    }
    /// The peer sends no more. Not clean: it was cut off, and data may be missing.
    void on_end(callback<void(secure_pair_ref, bool clean)> callable, code_or_throw out = {}) const {
        const bool done = subscribe(&callables::end, std::move(callable), tls_secure_pair_on_end, ended, out);
        // It also ends the last character.
        if (callables *kept = done ? known() : nullptr) {
            out.check(tls_secure_pair_on_end(get(), ended, kept));
        }
    }
    /// The close event follows. The error is valid until the callback returns.
    void on_error(callback<void(secure_pair_ref, error_ref)> callable, code_or_throw out = {}) const {
        subscribe(&callables::error, std::move(callable), tls_secure_pair_on_error,
                  [](tls_secure_pair *pair, const tls_error *error, void *kept) {
                      run(kept, &callables::error, secure_pair_ref(pair), error_ref(error));
                  }, out);
    }
    /// The last event. The pair lives until its owner goes.
    void on_close(callback<void(secure_pair_ref, bool had_error)> callable, code_or_throw out = {}) const {
        subscribe(&callables::close, std::move(callable), tls_secure_pair_on_close,
                  [](tls_secure_pair *pair, int had_error, void *kept) {
                      run(kept, &callables::close, secure_pair_ref(pair), had_error != 0);
                  }, out);
    }
    /// Client: a session that can be resumed; valid until the callback returns, and secret.
    void on_session(callback<void(secure_pair_ref, bytes)> callable, code_or_throw out = {}) const {
        subscribe(&callables::session_made, std::move(callable), tls_secure_pair_on_session,
                  [](tls_secure_pair *pair, const std::uint8_t *session, std::size_t length, void *kept) {
                      run(kept, &callables::session_made, secure_pair_ref(pair), bytes(session, length));
                  }, out);
    }
    /// Server: which context serves the name that the client asks for: `request::resolve_context`.
    void on_sni(callback<void(secure_pair_ref, std::string_view servername, request)> callable,
                code_or_throw out = {}) const {
        subscribe(&callables::sni, std::move(callable), tls_secure_pair_on_sni,
                  [](tls_secure_pair *pair, const char *servername, tls_request *asked, void *kept) {
                      run(kept, &callables::sni, secure_pair_ref(pair), detail::view(servername), request(asked));
                  }, out);
    }
    /// Server: whether a client with a good certificate is welcome: `request::resolve_verdict`.
    void on_check_certificate(callback<void(secure_pair_ref, certificate_ref, request)> callable,
                              code_or_throw out = {}) const {
        subscribe(&callables::check_certificate, std::move(callable), tls_secure_pair_on_check_certificate,
                  [](tls_secure_pair *pair, const tls_certificate *certificate, tls_request *asked, void *kept) {
                      run(kept, &callables::check_certificate, secure_pair_ref(pair),
                          detail::certificate_of(certificate), request(asked));
                  }, out);
    }
    /// Client: whether this is the server that was meant: as `stream_ref::on_check_identity`.
    void on_check_identity(callback<void(secure_pair_ref, certificate_ref, std::string_view name, request)> callable,
                           code_or_throw out = {}) const {
        subscribe(&callables::check_identity, std::move(callable), tls_secure_pair_on_check_identity,
                  [](tls_secure_pair *pair, const tls_certificate *certificate, const char *name, tls_request *asked,
                     void *kept) {
                      run(kept, &callables::check_identity, secure_pair_ref(pair), detail::certificate_of(certificate),
                          detail::view(name), request(asked));
                  }, out);
    }
    /// Server: a session to keep under its id; both are valid until the callback returns.
    void on_new_session(callback<void(secure_pair_ref, bytes id, bytes session)> callable,
                        code_or_throw out = {}) const {
        subscribe(&callables::new_session, std::move(callable), tls_secure_pair_on_new_session,
                  [](tls_secure_pair *pair, const std::uint8_t *id, std::size_t id_length, const std::uint8_t *session,
                     std::size_t session_length, void *kept) {
                      run(kept, &callables::new_session, secure_pair_ref(pair), bytes(id, id_length),
                          bytes(session, session_length));
                  }, out);
    }
    /// Server: what is kept under this id: `request::resolve_session`.
    void on_resume_session(callback<void(secure_pair_ref, bytes id, request)> callable, code_or_throw out = {}) const {
        subscribe(&callables::resume_session, std::move(callable), tls_secure_pair_on_resume_session,
                  [](tls_secure_pair *pair, const std::uint8_t *id, std::size_t id_length, tls_request *asked,
                     void *kept) {
                      run(kept, &callables::resume_session, secure_pair_ref(pair), bytes(id, id_length),
                          request(asked));
                  }, out);
    }
    /// A request of the pair was answered: the next call on the pair goes on, `feed({})` if there is
    /// nothing else to do. **It runs on the thread that answers**, inside `request::resolve_...`, which
    /// throws again what it throws. When this function has returned, the callback of before runs no more.
    void on_ready(callback<void(secure_pair_ref)> callable, code_or_throw out = {}) const {
        if (!out.check(tls_secure_pair_on_ready(get(), nullptr, nullptr))) {
            return;
        }
        callables *kept = callable ? wanted(out) : known();
        if (kept == nullptr) {
            return;
        }
        const bool called = static_cast<bool>(callable);
        kept->ready = called ? std::make_shared<callback<void(secure_pair_ref)>>(std::move(callable)) : nullptr;
        if (called) {
            out.check(tls_secure_pair_on_ready(get(), ready, kept));
        }
    }

    static void finish(tls_secure_pair *pair) noexcept {
        // Waits for a ready callback that runs on another thread: it is among what is destroyed.
        tls_secure_pair_on_ready(pair, nullptr, nullptr);
        tls_secure_pair_free(pair);
    }

private:
    template <class Call>
    static tls_status call(Call &&call, code_or_throw out) {
        const tls_status status = detail::calling(call);
        out.check(status);
        return status;
    }

    static void ended(tls_secure_pair *pair, int clean, void *kept) {
        static_cast<callables *>(kept)->run_end(secure_pair_ref(pair), clean != 0);
    }

    static void renegotiated(tls_secure_pair *pair, void *kept) {
        static_cast<callables *>(kept)->run_renegotiated(secure_pair_ref(pair));
    }

    static void ready(tls_secure_pair *pair, void *kept) {
        const std::shared_ptr<callback<void(secure_pair_ref)>> callable = static_cast<callables *>(kept)->ready;
        try {
            (*callable)(secure_pair_ref(pair));
        } catch (...) {
            detail::frame::keep(std::current_exception());
        }
    }
};

/// A pair of one's own, freed when it goes; also inside its own callbacks, after which none comes. No
/// other thread may use it at that time.
class secure_pair : public detail::owner<secure_pair_ref> {
public:
    /// A server needs a certificate and a key. `request_cert`: it asks the client for one.
    /// `reject_unauthorized`: a peer without a good one is refused.
    secure_pair(const context_ref &context, bool is_server, bool request_cert = false, bool reject_unauthorized = true,
                code_or_throw out = {})
        : owner(out.check(tls_secure_pair_new(context.get(), is_server ? 1 : 0, request_cert ? 1 : 0,
                                              reject_unauthorized ? 1 : 0))) {}
    using owner::owner;
};

} // namespace tlspair

template <>
struct std::hash<tlspair::secure_pair_ref> : tlspair::detail::hash<tlspair::secure_pair_ref> {};

#endif
