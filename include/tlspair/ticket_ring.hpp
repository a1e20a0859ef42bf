/// @file
/// `tlspair::ticket_ring`: the keys of session tickets, shared by hosts and changed while they serve.

#ifndef TLSPAIR_TICKET_RING_HPP
#define TLSPAIR_TICKET_RING_HPP

#include "handle.hpp"

namespace tlspair {

namespace detail {
/// Several pieces of bytes, as C takes them.
class pieces {
public:
    explicit pieces(const std::vector<bytes> &list) {
        for (const bytes piece : list) {
            data_.push_back(piece.data());
            lengths_.push_back(piece.size());
        }
    }
    const void *const *data() const noexcept { return data_.data(); }
    const std::size_t *lengths() const noexcept { return lengths_.data(); }

private:
    std::vector<const void *> data_;
    std::vector<std::size_t> lengths_;
};
} // namespace detail

/// A ring that somebody else holds; any thread.
class ticket_ring_ref : public handle<tls_ticket_ring> {
public:
    using handle::handle;

    static void finish(tls_ticket_ring *ring) noexcept { tls_ticket_ring_free(ring); }
};

/// The keys of a server's tickets, for `context::set_ticket_ring`. All of it can be called at any time
/// and on any thread; contexts that use the ring keep it.
class ticket_ring : public detail::owner<ticket_ring_ref> {
public:
    explicit ticket_ring(code_or_throw out = {}) : owner(out.check(tls_ticket_ring_new())) {}
    explicit ticket_ring(tls_ticket_ring *native) noexcept : owner(native) {}

    /// How many keys and secrets are in it.
    int key_count() const noexcept { return tls_ticket_ring_key_count(get()); }
    /// Puts a fresh random key in, which makes tickets after the grace period.
    void rotate(code_or_throw out = {}) { out.check(tls_ticket_ring_rotate(get())); }
    void add_key(bytes key, code_or_throw out = {}) {
        out.check(tls_ticket_ring_add_key(get(), key.data(), key.size()));
    }
    /// A secret from which each period gets a key of its own, the same on all hosts.
    void add_secret(bytes secret, std::chrono::milliseconds period, code_or_throw out = {}) {
        std::uint64_t number = 0;
        if (detail::milliseconds(period, number, out)) {
            out.check(tls_ticket_ring_add_secret(get(), secret.data(), secret.size(), number));
        }
    }
    void set_grace_period(std::chrono::milliseconds time, code_or_throw out = {}) {
        std::uint64_t number = 0;
        if (detail::milliseconds(time, number, out)) {
            out.check(tls_ticket_ring_set_grace_period(get(), number));
        }
    }
    void set_max_keys(std::size_t count, code_or_throw out = {}) {
        out.check(tls_ticket_ring_set_max_keys(get(), count));
    }

    /// All keys and secrets (`tls_ticket_ring_export`), for `import_keys` on another host. Wipe them after use.
    std::vector<std::uint8_t> export_keys(code_or_throw out = {}) const {
        std::vector<std::uint8_t> keys;
        std::size_t length = 0;
        tls_status status = TLS_OK;
        // The first time asks for the length; and another thread may put a key in meanwhile.
        do {
            keys.resize(length);
            status = tls_ticket_ring_export(get(), keys.data(), keys.size(), &length);
        } while (length > keys.size());
        keys.resize(out.check(status) ? length : 0);
        return keys;
    }
    /// Puts what `export_keys` gave in place of all that is in the ring (`tls_ticket_ring_import`).
    void import_keys(bytes data, code_or_throw out = {}) {
        out.check(tls_ticket_ring_import(get(), data.data(), data.size()));
    }
    /// The contents of the files of nginx's `ssl_session_ticket_key`, in their order.
    void import_nginx(const std::vector<bytes> &files, code_or_throw out = {}) {
        const detail::pieces list(files);
        out.check(tls_ticket_ring_import_nginx(get(), list.data(), list.lengths(), files.size()));
    }
    /// The contents of HAProxy's `tls-ticket-keys`.
    void import_haproxy(bytes data, code_or_throw out = {}) {
        out.check(tls_ticket_ring_import_haproxy(get(), data.data(), data.size()));
    }
    /// The session id context of the other servers that share the keys; empty: nobody does.
    void set_foreign_id_context(bytes id, code_or_throw out = {}) {
        out.check(tls_ticket_ring_set_foreign_id_context(get(), id.data(), id.size()));
    }
    /// That of nginx, from its certificates and CAs in PEM.
    void set_nginx_id_context(const std::vector<bytes> &certificates, bytes client_cas, code_or_throw out = {}) {
        const detail::pieces list(certificates);
        out.check(tls_ticket_ring_set_nginx_id_context(get(), list.data(), list.lengths(), certificates.size(),
                                                       client_cas.data(), client_cas.size()));
    }
};

} // namespace tlspair

#endif
