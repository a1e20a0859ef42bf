/// @file
/// `tlspair::request`: a decision that the library waits for.

#ifndef TLSPAIR_REQUEST_HPP
#define TLSPAIR_REQUEST_HPP

#include "context.hpp"

namespace tlspair {

/// A question that a callback brings, while its connection waits. Answer it there, or move it to where it
/// will be answered, on any thread.
///
/// The first answer counts, and true says so. False: the connection has ended meanwhile, or it was
/// answered before, which does no harm. An answer of the wrong kind, or one that cannot be used, is an
/// error and leaves the request as it was. **A request that goes without an answer is rejected**: one
/// that a callback does not look at, or that an exception carried away.
///
/// A pair goes on with the next call on it: `secure_pair_ref::on_ready` tells when.
class request {
public:
    request() noexcept = default;
    explicit request(tls_request *native) noexcept : native_(native) {}
    request(request &&other) noexcept : native_(other.release()) {}
    request &operator=(request &&other) noexcept {
        if (this != &other) {
            drop();
            native_ = other.release();
        }
        return *this;
    }
    ~request() { drop(); }

    tls_request *get() const noexcept { return native_; }
    explicit operator bool() const noexcept { return native_ != nullptr; }
    /// Gives it up without an answer, to be answered by the C interface.
    tls_request *release() noexcept { return std::exchange(native_, nullptr); }

    /// Which context serves the name.
    bool resolve_context(const context_ref &context, code_or_throw out = {}) {
        return answer([&] { return tls_request_resolve_context(native_, context.get()); }, out);
    }
    /// The one that would serve it without the callback.
    bool resolve_context(std::nullptr_t, code_or_throw out = {}) { return resolve_context(context_ref(), out); }
    /// Whether a certificate is accepted.
    bool resolve_verdict(bool accepted, code_or_throw out = {}) {
        return answer([&] { return tls_request_resolve_verdict(native_, accepted ? 1 : 0); }, out);
    }
    /// What is kept under the id of a session; empty: nothing, and the handshake is a full one.
    bool resolve_session(bytes session, code_or_throw out = {}) {
        return answer([&] { return tls_request_resolve_session(native_, session.data(), session.size()); }, out);
    }
    /// What is kept under it cannot be had now, and the handshake is a full one.
    bool resolve_unavailable(code_or_throw out = {}) {
        return answer([&] { return tls_request_resolve_unavailable(native_); }, out);
    }
    /// No, to any question. The reason is for the error on our side.
    bool reject(const text &reason = nullptr, code_or_throw out = {}) {
        return !out.refuses(reason) && answer([&] { return tls_request_reject(native_, reason.c_str()); }, out);
    }

private:
    // The ready callback of a pair runs inside the answer.
    template <class Answer>
    bool answer(Answer &&answer, code_or_throw out) {
        const tls_request *asked = native_;
        tls_status status = TLS_OK;
        try {
            status = detail::calling(answer);
        } catch (...) {
            native_ = nullptr;
            throw;
        }
        if (status == TLS_ERR_INVALID_HANDLE) {
            native_ = nullptr;
            out.done();
            return false;
        }
        if (!out.check(status)) {
            return false;
        }
        // The callback may have put another one here.
        if (native_ == asked) {
            native_ = nullptr;
        }
        return true;
    }

    void drop() noexcept {
        if (native_ != nullptr) {
            detail::frame running;
            tls_request_reject(release(), "the request was dropped without an answer");
        }
    }

    tls_request *native_ = nullptr;
};

} // namespace tlspair

#endif
