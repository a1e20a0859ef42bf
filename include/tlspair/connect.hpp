/// @file
/// Clients: `tlspair::connect_options` and `tlspair::connect`.

#ifndef TLSPAIR_CONNECT_HPP
#define TLSPAIR_CONNECT_HPP

#include "stream.hpp"

namespace tlspair {

/// Options that somebody else holds; any thread.
class connect_options_ref : public handle<tls_connect_options> {
public:
    using handle::handle;

    static void finish(tls_connect_options *options) noexcept { tls_connect_options_free(options); }
};

/// How a client connects. Read by `connect`, and not needed after it.
class connect_options : public detail::owner<connect_options_ref> {
public:
    explicit connect_options(code_or_throw out = {}) : owner(out.check(tls_connect_options_new())) {}
    explicit connect_options(tls_connect_options *native) noexcept : owner(native) {}

    /// Whom to trust, who we are.
    void set_context(const context_ref &context, code_or_throw out = {}) {
        out.check(tls_connect_options_set_context(get(), context.get()));
    }
    /// The name to ask the server for, and to verify.
    void set_servername(const text &servername, code_or_throw out = {}) {
        if (!out.refuses(servername)) {
            out.check(tls_connect_options_set_servername(get(), servername.c_str()));
        }
    }
    /// The name to verify, if it is another. nullptr: the chain only, on purpose.
    void set_verify_name(const text &name, code_or_throw out = {}) {
        if (!out.refuses(name)) {
            out.check(tls_connect_options_set_verify_name(get(), name.c_str()));
        }
    }
    /// false lets anybody sit in the middle, unless `stream_ref::authorized` is looked at.
    void set_reject_unauthorized(bool enabled, code_or_throw out = {}) {
        out.check(tls_connect_options_set_reject_unauthorized(get(), enabled ? 1 : 0));
    }
    /// A Unix socket, in place of host and port.
    void set_path(const text &path, code_or_throw out = {}) {
        if (!out.refuses(path)) {
            out.check(tls_connect_options_set_path(get(), path.c_str()));
        }
    }
    /// A connection that there is already. `close_fd`: it is the library's once `connect` has succeeded.
    void set_fd(tls_socket fd, bool close_fd, code_or_throw out = {}) {
        out.check(tls_connect_options_set_fd(get(), fd, close_fd ? 1 : 0));
    }
    /// TLS in TLS, over an open stream.
    void set_stream(stream_ref stream, code_or_throw out = {}) {
        out.check(tls_connect_options_set_stream(get(), stream.get()));
    }
    /// What was read from the descriptor or stream already.
    void set_received_bytes(bytes data, code_or_throw out = {}) {
        out.check(tls_connect_options_set_received_bytes(get(), data.data(), data.size()));
    }
    void set_alpn_protocols(const names &names, code_or_throw out = {}) {
        if (!out.refuses(names)) {
            out.check(tls_connect_options_set_alpn_protocols(get(), names.data(), names.size()));
        }
    }
    void set_alpn_buffer(bytes data, code_or_throw out = {}) {
        out.check(tls_connect_options_set_alpn_buffer(get(), data.data(), data.size()));
    }
    void set_npn_protocols(const names &names, code_or_throw out = {}) {
        if (!out.refuses(names)) {
            out.check(tls_connect_options_set_npn_protocols(get(), names.data(), names.size()));
        }
    }
    void set_npn_buffer(bytes data, code_or_throw out = {}) {
        out.check(tls_connect_options_set_npn_buffer(get(), data.data(), data.size()));
    }
    /// A session to offer to the server; empty: none.
    void set_session(bytes session, code_or_throw out = {}) {
        out.check(tls_connect_options_set_session(get(), session.data(), session.size()));
    }
};

/// Connects; what comes of it comes as events. The stream is destroyed when the object that comes back
/// goes. nullptr for a host is `"localhost"`.
[[nodiscard]] inline stream connect(loop_ref loop, int port, const text &host, const connect_options_ref &options,
                                    code_or_throw out = {}) {
    if (out.refuses(host)) {
        return {};
    }
    return stream(out.check(tls_connect(loop.get(), port, host.c_str(), options.get(), nullptr, nullptr)));
}
[[nodiscard]] inline stream connect(loop_ref loop, int port, const text &host, const connect_options_ref &options,
                                    callback<void(stream_ref)> on_secure_connect, code_or_throw out = {}) {
    stream made = connect(loop, port, host, options, out);
    if (made) {
        made.on_secure_connect(std::move(on_secure_connect), out);
    }
    return made;
}
/// With the default options: the well-known roots are trusted, and the host's name is verified.
[[nodiscard]] inline stream connect(loop_ref loop, int port, const text &host, code_or_throw out = {}) {
    return connect(loop, port, host, connect_options_ref(), out);
}
[[nodiscard]] inline stream connect(loop_ref loop, int port, const text &host,
                                    callback<void(stream_ref)> on_secure_connect, code_or_throw out = {}) {
    return connect(loop, port, host, connect_options_ref(), std::move(on_secure_connect), out);
}

} // namespace tlspair

#endif
