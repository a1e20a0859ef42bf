/// @file
/// Certificates: a peer's, or one from anywhere.

#ifndef TLSPAIR_CERTIFICATE_HPP
#define TLSPAIR_CERTIFICATE_HPP

#include "handle.hpp"

namespace tlspair {

class certificate;

/// A certificate that somebody else holds: a callback's, until it returns, or a `certificate`.
///
/// What it says is text of the peer's choice, and only as true as whoever signed it. The texts live as
/// long as the certificate, and are empty where it has none, or where one cannot be decoded. Any thread.
class certificate_ref : public handle<tls_certificate> {
public:
    using handle::handle;

    /// Another handle for the same certificate, to keep.
    certificate copy(code_or_throw out = {}) const;
    /// Who signed it; empty for a root and where it is not known.
    certificate issuer_certificate() const noexcept;

    /// Whose it is, one attribute a line.
    std::string_view subject() const noexcept { return detail::view(tls_certificate_subject(get())); }
    std::string_view issuer() const noexcept { return detail::view(tls_certificate_issuer(get())); }
    /// One attribute (`"CN"`), the one at `index` of several.
    std::string_view subject_field(const text &name, std::size_t index = 0) const noexcept {
        return name.has_nul() ? std::string_view()
                              : detail::view(tls_certificate_subject_field(get(), name.c_str(), index));
    }
    std::string_view issuer_field(const text &name, std::size_t index = 0) const noexcept {
        return name.has_nul() ? std::string_view()
                              : detail::view(tls_certificate_issuer_field(get(), name.c_str(), index));
    }
    /// All alternative names in one text: `"DNS:localhost, IP Address:127.0.0.1"`.
    std::string_view subjectaltname() const noexcept { return detail::view(tls_certificate_subjectaltname(get())); }
    /// One of them.
    std::string_view alt_name(std::size_t index) const noexcept {
        return detail::view(tls_certificate_alt_name(get(), index));
    }
    std::string_view info_access() const noexcept { return detail::view(tls_certificate_info_access(get())); }
    /// Whether it may sign others.
    bool ca() const noexcept { return tls_certificate_ca(get()) == 1; }
    /// What the key may be used for, one use at a time, by its numbers.
    std::string_view ext_key_usage(std::size_t index) const noexcept {
        return detail::view(tls_certificate_ext_key_usage(get(), index));
    }

    std::string_view valid_from() const noexcept { return detail::view(tls_certificate_valid_from(get())); }
    std::string_view valid_to() const noexcept { return detail::view(tls_certificate_valid_to(get())); }
    /// SHA-1, SHA-256 and SHA-512 over all of it, as `"2A:7A:C2:..."`.
    std::string_view fingerprint() const noexcept { return detail::view(tls_certificate_fingerprint(get())); }
    std::string_view fingerprint256() const noexcept { return detail::view(tls_certificate_fingerprint256(get())); }
    std::string_view fingerprint512() const noexcept { return detail::view(tls_certificate_fingerprint512(get())); }
    std::string_view serial_number() const noexcept { return detail::view(tls_certificate_serial_number(get())); }

    /// The size of an RSA key or of a curve's order; 0 for other keys.
    int bits() const noexcept { return tls_certificate_bits(get()); }
    std::string_view modulus() const noexcept { return detail::view(tls_certificate_modulus(get())); }
    std::string_view exponent() const noexcept { return detail::view(tls_certificate_exponent(get())); }
    std::string_view asn1_curve() const noexcept { return detail::view(tls_certificate_asn1_curve(get())); }
    std::string_view nist_curve() const noexcept { return detail::view(tls_certificate_nist_curve(get())); }
    /// Key and algorithm (SubjectPublicKeyInfo) in DER.
    bytes public_key() const noexcept {
        std::size_t length = 0;
        const std::uint8_t *data = tls_certificate_public_key(get(), &length);
        return {data, length};
    }

    /// The certificate itself.
    bytes der() const noexcept {
        std::size_t length = 0;
        const std::uint8_t *data = tls_certificate_der(get(), &length);
        return {data, length};
    }
    std::string_view pem() const noexcept { return detail::view(tls_certificate_pem(get())); }
    /// All of it as JSON with Node's keys; `detailed`: with its issuers.
    std::string_view json(bool detailed = false) const noexcept {
        return detail::view(tls_certificate_json(get(), detailed ? 1 : 0));
    }

    static void finish(tls_certificate *certificate) noexcept { tls_certificate_free(certificate); }
};

/// A certificate of one's own. It outlives the connection that it came from.
class certificate : public detail::owner<certificate_ref> {
public:
    using owner::owner;

    /// Reads one in PEM or DER. Further ones in a PEM text are where its issuers are looked for.
    static certificate parse(bytes data, code_or_throw out = {}) {
        return certificate(out.check(tls_certificate_parse(data.data(), data.size())));
    }
};

inline certificate certificate_ref::copy(code_or_throw out) const {
    return certificate(out.check(tls_certificate_copy(get())));
}

inline certificate certificate_ref::issuer_certificate() const noexcept {
    return certificate(tls_certificate_issuer_certificate(get()));
}

namespace detail {
/// A callback's: there is nothing in a certificate that could be changed.
inline certificate_ref certificate_of(const tls_certificate *certificate) noexcept {
    return certificate_ref(const_cast<tls_certificate *>(certificate));
}
} // namespace detail

/// Whether a certificate belongs to a host: no error, or `status::verify`. It is the check of the names
/// alone that a client makes of its server.
inline void check_server_identity(certificate_ref certificate, const text &name, code_or_throw out = {}) {
    if (!out.refuses(name)) {
        out.check(tls_check_server_identity(certificate.get(), name.c_str()));
    }
}

} // namespace tlspair

#endif
