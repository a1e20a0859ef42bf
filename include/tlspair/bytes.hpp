/// @file
/// Bytes as they go in and out: `tlspair::bytes` to read, `tlspair::mutable_bytes` to fill.

#ifndef TLSPAIR_BYTES_HPP
#define TLSPAIR_BYTES_HPP

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <iterator>
#include <string_view>
#include <type_traits>

#if defined(__cpp_lib_ranges)
#include <ranges>
#endif

namespace tlspair {

namespace detail {

template <class T>
inline constexpr bool is_byte = std::is_same_v<T, char> || std::is_same_v<T, signed char> ||
                                std::is_same_v<T, unsigned char> || std::is_same_v<T, std::byte> ||
#if defined(__cpp_char8_t)
                                std::is_same_v<T, char8_t> ||
#endif
                                std::is_void_v<T>;

// What std::data(container) points to.
template <class Container>
using element = std::remove_pointer_t<decltype(std::data(std::declval<Container &>()))>;

template <class Container, class = void>
inline constexpr bool holds_bytes = false;
template <class Container>
inline constexpr bool
    holds_bytes<Container, std::void_t<element<Container>, decltype(std::size(std::declval<Container &>()))>> =
        is_byte<std::remove_cv_t<element<Container>>>;

template <class T>
inline constexpr bool is_text_array =
    std::is_array_v<T> && std::is_same_v<std::remove_cv_t<std::remove_extent_t<T>>, char>;

} // namespace detail

/// A view of bytes that belong to somebody else, as std::span<const std::uint8_t> is one.
///
/// It comes from whatever has data() and size() and holds bytes (std::string_view, std::string,
/// std::vector<std::uint8_t>, std::array<char, N>, std::span<std::byte>, asio::const_buffer, ...), from
/// a C text or literal, which ends before its NUL, or from pointer and length.
class bytes {
public:
    using value_type = std::uint8_t;
    using const_iterator = const std::uint8_t *;

    constexpr bytes() noexcept = default;

    /// NULL is allowed with length 0.
    constexpr bytes(const std::uint8_t *data, std::size_t size) noexcept : data_(data), size_(size) {}
    bytes(const void *data, std::size_t size) noexcept : data_(static_cast<const std::uint8_t *>(data)), size_(size) {}

    bytes(const char *text) noexcept : bytes(text, text != nullptr ? std::strlen(text) : 0) {}

    template <class Container,
              std::enable_if_t<detail::holds_bytes<const Container> && !detail::is_text_array<Container> &&
                                   !std::is_same_v<Container, bytes>,
                               int> = 0>
    bytes(const Container &container) noexcept
        : bytes(static_cast<const void *>(std::data(container)), std::size(container)) {}

    constexpr const std::uint8_t *data() const noexcept { return data_; }
    constexpr std::size_t size() const noexcept { return size_; }
    constexpr bool empty() const noexcept { return size_ == 0; }
    constexpr const_iterator begin() const noexcept { return data_; }
    constexpr const_iterator end() const noexcept { return data_ + size_; }
    constexpr std::uint8_t operator[](std::size_t index) const noexcept { return data_[index]; }

    /// What comes behind the first `count` bytes; empty if there are no more.
    constexpr bytes after(std::size_t count) const noexcept {
        return count < size_ ? bytes(data_ + count, size_ - count) : bytes();
    }

    /// The same bytes as characters.
    std::string_view text() const noexcept { return {reinterpret_cast<const char *>(data_), size_}; }

    friend bool operator==(bytes left, bytes right) noexcept { return left.text() == right.text(); }
    friend bool operator!=(bytes left, bytes right) noexcept { return !(left == right); }

private:
    const std::uint8_t *data_ = nullptr;
    std::size_t size_ = 0;
};

/// A view of room for bytes that belongs to somebody else: from whatever `bytes` takes and can be
/// written to, whole arrays of char among them.
class mutable_bytes {
public:
    constexpr mutable_bytes() noexcept = default;
    mutable_bytes(void *data, std::size_t size) noexcept : data_(static_cast<std::uint8_t *>(data)), size_(size) {}

    template <class Container,
              std::enable_if_t<detail::holds_bytes<std::remove_reference_t<Container>> &&
                                   !std::is_const_v<detail::element<std::remove_reference_t<Container>>> &&
                                   !std::is_same_v<std::decay_t<Container>, mutable_bytes>,
                               int> = 0>
    mutable_bytes(Container &&container) noexcept
        : mutable_bytes(static_cast<void *>(std::data(container)), std::size(container)) {}

    constexpr std::uint8_t *data() const noexcept { return data_; }
    constexpr std::size_t size() const noexcept { return size_; }

private:
    std::uint8_t *data_ = nullptr;
    std::size_t size_ = 0;
};

} // namespace tlspair

#if defined(__cpp_lib_ranges)
template <>
inline constexpr bool std::ranges::enable_borrowed_range<tlspair::bytes> = true;
#endif

#endif
