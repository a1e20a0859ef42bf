/// @file
/// What is known about the library itself.

#ifndef TLSPAIR_LIBRARY_HPP
#define TLSPAIR_LIBRARY_HPP

#include <cstdint>
#include <string_view>

#include <tlspair.h>

#include "text.hpp"

namespace tlspair {

/// Of the library that is loaded, `"0.1.0"`.
inline std::string_view version() noexcept { return detail::view(tls_version()); }
/// `TLS_VERSION_MAJOR << 16 | TLS_VERSION_MINOR << 8 | TLS_VERSION_PATCH`.
inline std::uint32_t version_number() noexcept { return tls_version_number(); }
inline std::string_view openssl_version() noexcept { return detail::view(tls_openssl_version()); }
/// The names of all cipher suites, with `:` between them.
inline std::string_view ciphers() noexcept { return detail::view(tls_ciphers()); }
/// Whether this build can do something: `"tls1.3"`, `"vendored"`, `"loop_fd"`.
inline bool feature(const text &name) noexcept { return !name.has_nul() && tls_feature(name.c_str()) == 1; }

} // namespace tlspair

#endif
