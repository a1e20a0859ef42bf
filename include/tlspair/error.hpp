/// @file
/// What can go wrong, and where it is told: `tlspair::status` and its std::error_code, the exception
/// `tlspair::error`, and `tlspair::code_or_throw`, the last parameter of every function that can fail.

#ifndef TLSPAIR_ERROR_HPP
#define TLSPAIR_ERROR_HPP

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <system_error>

#include <tlspair.h>

#include "text.hpp"

namespace tlspair {

/// The statuses of the C interface, as values of std::error_code: `code == tlspair::status::busy`.
enum class status : tls_status {
    ok = TLS_OK,
    /// No error: `write` answers false instead.
    full = TLS_FULL,
    invalid_handle = TLS_ERR_INVALID_HANDLE,
    invalid_argument = TLS_ERR_INVALID_ARGUMENT,
    invalid_state = TLS_ERR_INVALID_STATE,
    wrong_thread = TLS_ERR_WRONG_THREAD,
    busy = TLS_ERR_BUSY,
    frozen = TLS_ERR_FROZEN,
    not_supported = TLS_ERR_NOT_SUPPORTED,
    certificate = TLS_ERR_CERTIFICATE,
    key = TLS_ERR_KEY,
    passphrase = TLS_ERR_PASSPHRASE,
    key_mismatch = TLS_ERR_KEY_MISMATCH,
    ciphers = TLS_ERR_CIPHERS,
    protocol = TLS_ERR_PROTOCOL,
    file = TLS_ERR_FILE,
    system = TLS_ERR_SYSTEM,
    no_memory = TLS_ERR_NO_MEMORY,
    resolve = TLS_ERR_RESOLVE,
    connect = TLS_ERR_CONNECT,
    listen = TLS_ERR_LISTEN,
    reset = TLS_ERR_RESET,
    tls = TLS_ERR_TLS,
    verify = TLS_ERR_VERIFY,
    timeout = TLS_ERR_TIMEOUT,
    session = TLS_ERR_SESSION,
    internal = TLS_ERR_INTERNAL,
};

/// `"TLS_ERR_BUSY"`, also for statuses that are newer than this header.
inline std::string_view status_name(status value) noexcept { return tls_status_name(static_cast<tls_status>(value)); }

namespace detail {

class category final : public std::error_category {
public:
    const char *name() const noexcept override { return "tlspair"; }

    std::string message(int value) const override { return tls_status_name(value); }

    std::error_condition default_error_condition(int value) const noexcept override {
        switch (value) {
        case TLS_ERR_INVALID_ARGUMENT: return std::errc::invalid_argument;
        case TLS_ERR_WRONG_THREAD: return std::errc::operation_not_permitted;
        case TLS_ERR_BUSY: return std::errc::device_or_resource_busy;
        case TLS_ERR_NOT_SUPPORTED: return std::errc::not_supported;
        case TLS_ERR_NO_MEMORY: return std::errc::not_enough_memory;
        case TLS_ERR_RESET: return std::errc::connection_reset;
        case TLS_ERR_TIMEOUT: return std::errc::timed_out;
        default: return std::error_condition(value, *this);
        }
    }
};

} // namespace detail

/// The category of all statuses. A message is the status's name; what happened in one call is told by
/// `tlspair::error`, or by `last_error` after a call that was given a std::error_code.
inline const std::error_category &category() noexcept {
    static const detail::category instance;
    return instance;
}

/// Found by std::error_code when it is made from a status.
inline std::error_code make_error_code(status value) noexcept { return {static_cast<int>(value), category()}; }

class error;

/// A failure that somebody else keeps: an error event's, until the callback returns, or `last_error`,
/// until this thread's next call that fails. `error` keeps it for longer.
class error_ref {
public:
    constexpr error_ref() noexcept = default;
    constexpr explicit error_ref(const tls_error *handle) noexcept : handle_(handle) {}
    constexpr const tls_error *get() const noexcept { return handle_; }

    std::error_code code() const noexcept { return {static_cast<int>(tls_error_status(handle_)), category()}; }
    /// The stable name, Node's where Node has one: `"CERT_HAS_EXPIRED"`, `"ECONNREFUSED"`.
    std::string_view name() const noexcept { return detail::view(tls_error_name(handle_)); }
    /// For people; may be worded differently in the next version.
    std::string_view message() const noexcept { return detail::view(tls_error_message(handle_)); }
    /// The errno, as a code of std::system_category(); no error if no system call failed.
    std::error_code system_code() const noexcept { return {tls_error_errno(handle_), std::system_category()}; }
    /// One of OpenSSL's `X509_V_ERR_`; 0 if it is not about the peer's certificate.
    int verify_result() const noexcept { return tls_error_verify_result(handle_); }
    int verify_depth() const noexcept { return tls_error_verify_depth(handle_); }
    std::string_view verify_subject() const noexcept { return detail::view(tls_error_verify_subject(handle_)); }
    /// What OpenSSL had to say, entry 0 being the oldest.
    std::size_t openssl_count() const noexcept { return tls_error_openssl_count(handle_); }
    std::uint64_t openssl_code(std::size_t index) const noexcept { return tls_error_openssl_code(handle_, index); }
    std::string_view openssl_text(std::size_t index) const noexcept {
        return detail::view(tls_error_openssl_text(handle_, index));
    }

private:
    const tls_error *handle_ = nullptr;
};

/// This thread's last failing call.
inline error_ref last_error() noexcept { return error_ref(tls_last_error()); }

/// A failure to throw or to keep: a std::system_error whose code is the status, with all that the library
/// knows about it. Copies share it; any thread may use it.
class error : public std::system_error {
public:
    explicit error(error_ref from)
        : std::system_error(from.code()), details_(std::make_shared<const details>(from)) {}
    /// One of our own, of which the library does not know.
    error(tlspair::status status, std::string_view name, std::string_view message)
        : std::system_error(make_error_code(status)), details_(std::make_shared<const details>(name, message)) {}

    /// Name and message: `"ECONNREFUSED: ..."`.
    const char *what() const noexcept override { return details_->what.c_str(); }
    std::string_view name() const noexcept { return what_view().substr(0, details_->name_length); }
    std::string_view message() const noexcept { return what_view().substr(details_->name_length + 2); }

    std::error_code system_code() const noexcept { return ref().system_code(); }
    int verify_result() const noexcept { return ref().verify_result(); }
    int verify_depth() const noexcept { return ref().verify_depth(); }
    std::string_view verify_subject() const noexcept { return ref().verify_subject(); }
    std::size_t openssl_count() const noexcept { return ref().openssl_count(); }
    std::uint64_t openssl_code(std::size_t index) const noexcept { return ref().openssl_code(index); }
    std::string_view openssl_text(std::size_t index) const noexcept { return ref().openssl_text(index); }

    /// The library's copy; NULL for an error that is not the library's.
    const tls_error *get() const noexcept { return details_->copy.get(); }

private:
    struct free {
        void operator()(tls_error *copy) const noexcept { tls_error_free(copy); }
    };
    struct details {
        explicit details(error_ref from) : details(from.name(), from.message()) {
            copy.reset(tls_error_copy(from.get()));
        }
        details(std::string_view name, std::string_view message)
            : what(std::string(name).append(": ").append(message)), name_length(name.size()) {}

        std::unique_ptr<tls_error, free> copy;
        std::string what;
        std::size_t name_length;
    };

    error_ref ref() const noexcept { return error_ref(get()); }
    std::string_view what_view() const noexcept { return details_->what; }

    std::shared_ptr<const details> details_;
};

/// Where a failure is told: the last parameter of every function that can fail. Left out, a failure is
/// thrown as a `tlspair::error`. A std::error_code given for it is set, to no error if all went well;
/// then nothing is thrown but std::bad_alloc, and what callbacks of yours threw.
class code_or_throw {
public:
    code_or_throw() noexcept = default;
    code_or_throw(std::error_code &code) noexcept : code_(&code) {}

    /// Whether the status is none of an error. If it is, it is told.
    bool check(tls_status status) const {
        if (status < 0) {
            if (code_ == nullptr) {
                throw error(last_error());
            }
            code_->assign(static_cast<int>(status), category());
            return false;
        }
        done();
        return true;
    }

    /// The same for what is NULL on failure.
    template <class Handle>
    Handle *check(Handle *handle) const {
        if (handle != nullptr) {
            done();
        } else {
            check(tls_error_status(tls_last_error()));
        }
        return handle;
    }

    /// Whether C would read the text in another way than it is meant; that is told.
    template <class Text>
    bool refuses(const Text &text) const {
        return text.has_nul() && refuse("a text has a NUL inside, at which C would cut it short");
    }

    /// Tells that an argument cannot be used; true.
    bool refuse(const char *why) const {
        if (code_ == nullptr) {
            throw error(status::invalid_argument, "ERR_INVALID_ARG_VALUE", why);
        }
        *code_ = make_error_code(status::invalid_argument);
        return true;
    }

    void done() const noexcept {
        if (code_ != nullptr) {
            code_->clear();
        }
    }

private:
    std::error_code *code_ = nullptr;
};

} // namespace tlspair

template <>
struct std::is_error_code_enum<tlspair::status> : std::true_type {};

#endif
