/// @file
/// Texts on their way into C, where a NUL ends them: `tlspair::text` and `tlspair::names`; and UTF-8 that
/// comes in pieces: `tlspair::utf8_decoder`.

#ifndef TLSPAIR_TEXT_HPP
#define TLSPAIR_TEXT_HPP

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "bytes.hpp"

namespace tlspair {

namespace detail {

inline bool has_nul(std::string_view text) noexcept { return text.find('\0') != std::string_view::npos; }

/// What C may answer as NULL; a view without data then.
inline std::string_view view(const char *text) noexcept {
    return text != nullptr ? std::string_view(text) : std::string_view();
}

template <class T, class = void>
inline constexpr bool is_path = false;
template <class T>
inline constexpr bool is_path<T, std::void_t<decltype(std::string_view(std::declval<const T &>().native()))>> = true;

} // namespace detail

/// An argument that C takes as a text with a NUL at its end: a name, a path, a passphrase.
///
/// It comes from a C text or a literal, a std::string, a std::string_view, a std::filesystem::path, or
/// nullptr for no text. A NUL inside, at which C would cut it short, is `status::invalid_argument`.
/// It is for the length of a call: what it came from is not copied, but for a std::string_view.
class text {
public:
    text(std::nullptr_t = nullptr) noexcept {}
    text(const char *from) noexcept : pointer_(from) {}
    text(const std::string &from) noexcept : pointer_(from.c_str()), has_nul_(detail::has_nul(from)) {}
    text(std::string_view from) : copy_(from), copied_(true), has_nul_(detail::has_nul(from)) {}
    template <class Path, std::enable_if_t<detail::is_path<Path>, int> = 0>
    text(const Path &path) noexcept : text(path.native()) {}

    const char *c_str() const noexcept { return copied_ ? copy_.c_str() : pointer_; }
    bool has_nul() const noexcept { return has_nul_; }

private:
    const char *pointer_ = nullptr;
    std::string copy_;
    bool copied_ = false;
    bool has_nul_ = false;
};

/// A list of texts for C, from `{"h2", "http/1.1"}` or any range of strings.
class names {
public:
    names(std::initializer_list<std::string_view> list) { take(list); }
    template <class Range,
              std::enable_if_t<std::is_convertible_v<decltype(*std::begin(std::declval<const Range &>())),
                                                     std::string_view>,
                               int> = 0>
    names(const Range &range) {
        take(range);
    }
    names(const names &) = delete;
    names &operator=(const names &) = delete;

    const char *const *data() const noexcept { return pointers_.data(); }
    std::size_t size() const noexcept { return pointers_.size(); }
    bool has_nul() const noexcept { return has_nul_; }

private:
    template <class Range>
    void take(const Range &range) {
        for (std::string_view name : range) {
            has_nul_ = has_nul_ || detail::has_nul(name);
            texts_.emplace_back(name);
        }
        for (const std::string &name : texts_) {
            pointers_.push_back(name.c_str());
        }
    }

    std::vector<std::string> texts_;
    std::vector<const char *> pointers_;
    bool has_nul_ = false;
};

/// Makes whole characters of UTF-8 that comes in pieces. What is no UTF-8 becomes U+FFFD, one for each
/// longest beginning of a character, as in Node, Python and browsers.
class utf8_decoder {
public:
    /// The characters that are complete with this piece; the rest waits for the next one. The answer is a
    /// part of `piece` where that can be, or else is written to `room`; it lives as long as both.
    std::string_view decode(bytes piece, std::string &room) {
        if (count_ == 0) {
            const std::size_t good = run(piece);
            const part next = look(piece.after(good));
            if (next.is != form::bad) {
                hold(piece.after(good));
                return piece.text().substr(0, good);
            }
        }
        std::string joined(held_, count_);
        joined.append(piece.text());
        count_ = 0;
        room.clear();
        bytes rest(joined);
        for (;;) {
            const std::size_t good = run(rest);
            room.append(rest.text().substr(0, good));
            rest = rest.after(good);
            const part next = look(rest);
            if (next.is != form::bad) {
                hold(rest);
                return room;
            }
            room.append(replacement);
            rest = rest.after(next.length);
        }
    }

    /// At the end: U+FFFD for a character that was not finished, or nothing.
    std::string_view flush() noexcept {
        return std::exchange(count_, std::size_t(0)) != 0 ? replacement : std::string_view();
    }

    /// Forgets what waits.
    void reset() noexcept { count_ = 0; }

private:
    enum class form { whole, unfinished, bad };
    struct part {
        form is;
        std::size_t length;
    };

    static constexpr std::string_view replacement = "\xEF\xBF\xBD";

    // The first character, as far as it goes (Unicode, table 3-7: well-formed UTF-8).
    static part look(bytes data) noexcept {
        if (data.empty()) {
            return {form::unfinished, 0};
        }
        const std::uint8_t first = data[0];
        if (first < 0x80) {
            return {form::whole, 1};
        }
        if (first < 0xC2 || first > 0xF4) {
            return {form::bad, 1};
        }
        const std::size_t length = first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4;
        std::uint8_t lowest = first == 0xE0 ? 0xA0 : first == 0xF0 ? 0x90 : 0x80;
        std::uint8_t highest = first == 0xED ? 0x9F : first == 0xF4 ? 0x8F : 0xBF;
        for (std::size_t i = 1; i < length; i++) {
            if (i == data.size()) {
                return {form::unfinished, i};
            }
            if (data[i] < lowest || data[i] > highest) {
                return {form::bad, i};
            }
            lowest = 0x80;
            highest = 0xBF;
        }
        return {form::whole, length};
    }

    // How many bytes of whole characters there are at the beginning.
    static std::size_t run(bytes data) noexcept {
        std::size_t length = 0;
        for (part next = look(data); next.is == form::whole; next = look(data.after(length))) {
            length += next.length;
        }
        return length;
    }

    void hold(bytes rest) noexcept {
        for (count_ = 0; count_ < rest.size(); count_++) {
            held_[count_] = static_cast<char>(rest[count_]);
        }
    }

    // The beginning of a character: three bytes at most.
    char held_[3] = {};
    std::size_t count_ = 0;
};

} // namespace tlspair

#endif
