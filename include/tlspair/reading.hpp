/// @file
/// What streams and pairs have in common in their callables: data, as bytes or as text, and the end.

#ifndef TLSPAIR_READING_HPP
#define TLSPAIR_READING_HPP

#include "handle.hpp"

namespace tlspair {
namespace detail {

template <class Reference>
struct reading : callables {
    callback<void(Reference, bytes)> data;
    callback<void(Reference, std::string_view)> characters;
    callback<void(Reference, bool)> end;
    callback<void(Reference)> renegotiated;
    utf8_decoder decoder;
    /// Only the close event follows.
    bool destroyed = false;

    void use_bytes() {
        put(characters, nullptr);
        decoder.reset();
    }

    void use_characters() {
        put(data, nullptr);
        decoder.reset();
    }

    void run_characters(Reference from, bytes piece) noexcept {
        try {
            std::string room;
            const std::string_view whole = decoder.decode(piece, room);
            if (!whole.empty()) {
                run(characters, from, whole);
            }
        } catch (...) {
            frame::keep(std::current_exception());
        }
    }

    void run_end(Reference from, bool clean) noexcept {
        const std::string_view rest = decoder.flush();
        if (!rest.empty()) {
            run(characters, from, rest);
        }
        if (!destroyed) {
            run(end, from, clean);
        }
    }

    /// It comes once, and may begin the next one.
    void run_renegotiated(Reference from) noexcept {
        callback<void(Reference)> once = std::move(renegotiated);
        run(once, from);
    }
};

} // namespace detail
} // namespace tlspair

#endif
