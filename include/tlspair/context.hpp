/// @file
/// `tlspair::context`: who we are, and whom we trust.

#ifndef TLSPAIR_CONTEXT_HPP
#define TLSPAIR_CONTEXT_HPP

#include <array>

#include "handle.hpp"
#include "ticket_ring.hpp"

namespace tlspair {

/// Whether a server that uses a context asks for client certificates.
enum class client_auth : std::int32_t {
    inherit = TLS_CLIENT_AUTH_INHERIT,
    none = TLS_CLIENT_AUTH_NONE,
    request = TLS_CLIENT_AUTH_REQUEST,
    require = TLS_CLIENT_AUTH_REQUIRE,
};

/// What a client's session cache counts.
enum class session_cache : std::int32_t {
    hits = TLS_SESSION_CACHE_HITS,
    misses = TLS_SESSION_CACHE_MISSES,
    refused = TLS_SESSION_CACHE_REFUSED,
    entries = TLS_SESSION_CACHE_ENTRIES,
};

/// A `context` that somebody else holds; any thread.
class context_ref : public handle<tls_context> {
public:
    using handle::handle;

    static void finish(tls_context *context) noexcept { tls_context_free(context); }
};

/// Certificate and key, CAs and protocol policy. It freezes at its first use and can then be shared by
/// any number of loops and threads; what uses it keeps what it needs of it.
class context : public detail::owner<context_ref> {
public:
    explicit context(code_or_throw out = {}) : owner(out.check(tls_context_new())) {}
    explicit context(tls_context *native) noexcept : owner(native) {}

    // ---- identity ----

    void set_cert(bytes pem, code_or_throw out = {}) { out.check(tls_context_set_cert(get(), pem.data(), pem.size())); }
    void set_cert_file(const text &path, code_or_throw out = {}) {
        if (!out.refuses(path)) {
            out.check(tls_context_set_cert_file(get(), path.c_str()));
        }
    }
    void set_key(bytes pem, const text &passphrase, code_or_throw out = {}) {
        if (!out.refuses(passphrase)) {
            out.check(tls_context_set_key(get(), pem.data(), pem.size(), passphrase.c_str()));
        }
    }
    void set_key(bytes pem, code_or_throw out = {}) { set_key(pem, nullptr, out); }
    void set_key_file(const text &path, const text &passphrase, code_or_throw out = {}) {
        if (!out.refuses(path) && !out.refuses(passphrase)) {
            out.check(tls_context_set_key_file(get(), path.c_str(), passphrase.c_str()));
        }
    }
    void set_key_file(const text &path, code_or_throw out = {}) { set_key_file(path, nullptr, out); }
    /// Both, or on failure neither.
    void set_identity(bytes cert, bytes key, const text &passphrase, code_or_throw out = {}) {
        if (!out.refuses(passphrase)) {
            out.check(tls_context_set_identity(get(), cert.data(), cert.size(), key.data(), key.size(),
                                               passphrase.c_str()));
        }
    }
    void set_identity(bytes cert, bytes key, code_or_throw out = {}) { set_identity(cert, key, nullptr, out); }
    void set_identity_file(const text &cert_path, const text &key_path, const text &passphrase,
                           code_or_throw out = {}) {
        if (!out.refuses(cert_path) && !out.refuses(key_path) && !out.refuses(passphrase)) {
            out.check(tls_context_set_identity_file(get(), cert_path.c_str(), key_path.c_str(), passphrase.c_str()));
        }
    }
    void set_identity_file(const text &cert_path, const text &key_path, code_or_throw out = {}) {
        set_identity_file(cert_path, key_path, nullptr, out);
    }
    /// Key, certificate, chain and CAs from a PKCS#12 file.
    void set_pfx(bytes data, const text &passphrase, code_or_throw out = {}) {
        if (!out.refuses(passphrase)) {
            out.check(tls_context_set_pfx(get(), data.data(), data.size(), passphrase.c_str()));
        }
    }
    void set_pfx(bytes data, code_or_throw out = {}) { set_pfx(data, nullptr, out); }
    void set_pfx_file(const text &path, const text &passphrase, code_or_throw out = {}) {
        if (!out.refuses(path) && !out.refuses(passphrase)) {
            out.check(tls_context_set_pfx_file(get(), path.c_str(), passphrase.c_str()));
        }
    }
    void set_pfx_file(const text &path, code_or_throw out = {}) { set_pfx_file(path, nullptr, out); }

    // ---- trust ----

    /// The first call takes the place of the well-known roots.
    void add_ca(bytes pem, code_or_throw out = {}) { out.check(tls_context_add_ca(get(), pem.data(), pem.size())); }
    void add_ca_file(const text &path, code_or_throw out = {}) {
        if (!out.refuses(path)) {
            out.check(tls_context_add_ca_file(get(), path.c_str()));
        }
    }
    /// Trusts nobody, until the next `add_ca`.
    void clear_ca(code_or_throw out = {}) { out.check(tls_context_clear_ca(get())); }
    void add_crl(bytes pem, code_or_throw out = {}) { out.check(tls_context_add_crl(get(), pem.data(), pem.size())); }
    void add_crl_file(const text &path, code_or_throw out = {}) {
        if (!out.refuses(path)) {
            out.check(tls_context_add_crl_file(get(), path.c_str()));
        }
    }
    /// A policy of its own, which beats the server's settings.
    void set_client_auth(client_auth policy, code_or_throw out = {}) {
        out.check(tls_context_set_client_auth(get(), static_cast<std::int32_t>(policy)));
    }

    // ---- protocol ----

    /// TLS 1.3 suites and OpenSSL's cipher list in one text.
    void set_ciphers(const text &ciphers, code_or_throw out = {}) {
        if (!out.refuses(ciphers)) {
            out.check(tls_context_set_ciphers(get(), ciphers.c_str()));
        }
    }
    void set_honor_cipher_order(bool enabled, code_or_throw out = {}) {
        out.check(tls_context_set_honor_cipher_order(get(), enabled ? 1 : 0));
    }
    void set_secure_protocol(const text &method, code_or_throw out = {}) {
        if (!out.refuses(method)) {
            out.check(tls_context_set_secure_protocol(get(), method.c_str()));
        }
    }
    void set_min_version(const text &version, code_or_throw out = {}) {
        if (!out.refuses(version)) {
            out.check(tls_context_set_min_version(get(), version.c_str()));
        }
    }
    void set_max_version(const text &version, code_or_throw out = {}) {
        if (!out.refuses(version)) {
            out.check(tls_context_set_max_version(get(), version.c_str()));
        }
    }
    void set_groups(const text &groups, code_or_throw out = {}) {
        if (!out.refuses(groups)) {
            out.check(tls_context_set_groups(get(), groups.c_str()));
        }
    }
    void set_dhparam(bytes pem, code_or_throw out = {}) {
        out.check(tls_context_set_dhparam(get(), pem.data(), pem.size()));
    }
    void set_dhparam_file(const text &path, code_or_throw out = {}) {
        if (!out.refuses(path)) {
            out.check(tls_context_set_dhparam_file(get(), path.c_str()));
        }
    }
    /// OpenSSL's `SSL_OP_*`.
    void set_secure_options(std::uint64_t options, code_or_throw out = {}) {
        out.check(tls_context_set_secure_options(get(), options));
    }
    void set_alpn_protocols(const names &names, code_or_throw out = {}) {
        if (!out.refuses(names)) {
            out.check(tls_context_set_alpn_protocols(get(), names.data(), names.size()));
        }
    }
    void set_alpn_buffer(bytes data, code_or_throw out = {}) {
        out.check(tls_context_set_alpn_buffer(get(), data.data(), data.size()));
    }
    void set_npn_protocols(const names &names, code_or_throw out = {}) {
        if (!out.refuses(names)) {
            out.check(tls_context_set_npn_protocols(get(), names.data(), names.size()));
        }
    }
    void set_npn_buffer(bytes data, code_or_throw out = {}) {
        out.check(tls_context_set_npn_buffer(get(), data.data(), data.size()));
    }

    // ---- sessions ----

    void set_session_id_context(bytes id, code_or_throw out = {}) {
        out.check(tls_context_set_session_id_context(get(), id.data(), id.size()));
    }
    /// Where the keys of session tickets come from.
    void set_ticket_ring(const ticket_ring_ref &ring, code_or_throw out = {}) {
        out.check(tls_context_set_ticket_ring(get(), ring.get()));
    }
    /// One key of 48 bytes; also while the context is in use.
    void set_ticket_keys(bytes keys, code_or_throw out = {}) {
        out.check(tls_context_set_ticket_keys(get(), keys.data(), keys.size()));
    }
    /// The key that tickets are made with now; secret.
    std::array<std::uint8_t, 48> ticket_keys(code_or_throw out = {}) const {
        std::array<std::uint8_t, 48> keys{};
        out.check(tls_context_ticket_keys(get(), keys.data(), keys.size()));
        return keys;
    }
    /// How many tickets a client gets after a full handshake of TLS 1.3.
    void set_num_tickets(std::size_t count, code_or_throw out = {}) {
        out.check(tls_context_set_num_tickets(get(), count));
    }
    /// Has clients with this context keep so many sessions, and offer them again.
    void set_session_cache(std::size_t entries, code_or_throw out = {}) {
        out.check(tls_context_set_session_cache(get(), entries));
    }
    std::int64_t session_cache_count(session_cache what) const noexcept {
        return tls_context_session_cache_count(get(), static_cast<std::int32_t>(what));
    }
};

} // namespace tlspair

#endif
