/// @file
/// Callables of any kind for events, and what becomes of their exceptions.

#ifndef TLSPAIR_CALLBACK_HPP
#define TLSPAIR_CALLBACK_HPP

#include <atomic>
#include <cstddef>
#include <cstdio>
#include <exception>
#include <new>
#include <type_traits>
#include <utility>

#include <tlspair.h>

namespace tlspair {

template <class Signature>
class callback;

/// Holds one callable, which may be one that can only be moved. Up to four pointers' worth of it lie
/// inside, without an allocation. nullptr, a null function pointer and an empty std::function are no
/// callback. What it returns is ignored.
template <class... Arguments>
class callback<void(Arguments...)> {
    union storage {
        alignas(void *) unsigned char inside[4 * sizeof(void *)];
        void *outside;
    };

    struct operations {
        void (*call)(storage &, Arguments...);
        void (*move)(storage &from, storage &to) noexcept;
        void (*destroy)(storage &) noexcept;
    };

    template <class Callable>
    static constexpr bool fits = sizeof(Callable) <= sizeof(storage) && alignof(Callable) <= alignof(storage) &&
                                 std::is_nothrow_move_constructible_v<Callable>;

    template <class Callable>
    static Callable &target(storage &from) noexcept {
        if constexpr (fits<Callable>) {
            return *std::launder(reinterpret_cast<Callable *>(from.inside));
        } else {
            return *static_cast<Callable *>(from.outside);
        }
    }

    template <class Callable>
    static void call(storage &from, Arguments... arguments) {
        static_cast<void>(target<Callable>(from)(std::forward<Arguments>(arguments)...));
    }

    template <class Callable>
    static void move(storage &from, storage &to) noexcept {
        if constexpr (fits<Callable>) {
            ::new (static_cast<void *>(to.inside)) Callable(std::move(target<Callable>(from)));
            target<Callable>(from).~Callable();
        } else {
            to.outside = from.outside;
        }
    }

    template <class Callable>
    static void destroy(storage &from) noexcept {
        if constexpr (fits<Callable>) {
            target<Callable>(from).~Callable();
        } else {
            delete &target<Callable>(from);
        }
    }

    template <class Callable>
    static constexpr operations operations_of = {call<Callable>, move<Callable>, destroy<Callable>};

    template <class Callable>
    static constexpr bool can_be_empty =
        std::is_constructible_v<bool, const Callable &> && std::is_assignable_v<Callable &, std::nullptr_t>;

public:
    callback(std::nullptr_t = nullptr) noexcept {}

    template <class Callable,
              std::enable_if_t<!std::is_same_v<std::decay_t<Callable>, callback> &&
                                   std::is_invocable_v<std::decay_t<Callable> &, Arguments...>,
                               int> = 0>
    callback(Callable &&callable) {
        using Kept = std::decay_t<Callable>;
        if constexpr (can_be_empty<Kept> && !std::is_function_v<std::remove_reference_t<Callable>>) {
            if (!static_cast<bool>(callable)) {
                return;
            }
        }
        if constexpr (fits<Kept>) {
            ::new (static_cast<void *>(storage_.inside)) Kept(std::forward<Callable>(callable));
        } else {
            storage_.outside = new Kept(std::forward<Callable>(callable));
        }
        operations_ = &operations_of<Kept>;
    }

    callback(callback &&other) noexcept { take(other); }

    // What was here is destroyed last: whatever that does, this is in order already.
    callback &operator=(callback &&other) noexcept {
        if (this != &other) {
            callback before(std::move(*this));
            take(other);
        }
        return *this;
    }

    ~callback() {
        if (operations_ != nullptr) {
            std::exchange(operations_, nullptr)->destroy(storage_);
        }
    }

    explicit operator bool() const noexcept { return operations_ != nullptr; }

    void operator()(Arguments... arguments) { operations_->call(storage_, std::forward<Arguments>(arguments)...); }

private:
    void take(callback &other) noexcept {
        operations_ = std::exchange(other.operations_, nullptr);
        if (operations_ != nullptr) {
            operations_->move(other.storage_, storage_);
        }
    }

    const operations *operations_ = nullptr;
    storage storage_;
};

/// Is told of an exception that no call can throw again.
using lost_exception_handler = void (*)(std::exception_ptr exception);

namespace detail {

inline void print_lost_exception(std::exception_ptr exception) {
    const char *what = "of a type that is no std::exception";
    try {
        std::rethrow_exception(exception);
    } catch (const std::exception &known) {
        std::fprintf(stderr, "tlspair: an exception of a callback is lost: %s\n", known.what());
        return;
    } catch (...) {
    }
    std::fprintf(stderr, "tlspair: an exception of a callback is lost: %s\n", what);
}

inline std::atomic<lost_exception_handler> lost_exception{print_lost_exception};

inline void lose(std::exception_ptr exception) noexcept { lost_exception.load()(std::move(exception)); }

/// One call that may run callbacks: it throws again what the first of them threw.
class frame {
public:
    /// `stopped`: the loop that is to stop at the first exception.
    explicit frame(tls_loop *stopped = nullptr) noexcept : outer_(innermost()), stopped_(stopped) {
        innermost() = this;
    }
    frame(const frame &) = delete;
    frame &operator=(const frame &) = delete;
    ~frame() {
        innermost() = outer_;
        if (kept_ != nullptr) {
            lose(std::move(kept_));
        }
    }

    void rethrow() {
        if (kept_ != nullptr) {
            std::rethrow_exception(std::exchange(kept_, nullptr));
        }
    }

    /// For the innermost call of this thread; what nobody can throw again is lost.
    static void keep(std::exception_ptr exception) noexcept {
        frame *caller = innermost();
        if (caller == nullptr || caller->kept_ != nullptr) {
            lose(std::move(exception));
            return;
        }
        caller->kept_ = std::move(exception);
        if (caller->stopped_ != nullptr) {
            tls_loop_stop(caller->stopped_);
        }
    }

private:
    static frame *&innermost() noexcept {
        static thread_local frame *frames = nullptr;
        return frames;
    }

    frame *outer_;
    tls_loop *stopped_;
    std::exception_ptr kept_;
};

/// Makes a call during which callbacks may run.
template <class Call>
auto calling(Call &&call, tls_loop *stopped = nullptr) {
    frame running(stopped);
    auto result = call();
    running.rethrow();
    return result;
}

} // namespace detail

/// Sets who is told of exceptions that are lost: the second and further ones of one call, those of
/// callbacks that run in a destructor, and those of callbacks that C code had run. Answers who it was
/// before; nullptr is the default, which writes a line to stderr. It must not throw, and may be called on
/// any thread.
inline lost_exception_handler set_lost_exception_handler(lost_exception_handler handler) noexcept {
    return detail::lost_exception.exchange(handler != nullptr ? handler : detail::print_lost_exception);
}

} // namespace tlspair

#endif
