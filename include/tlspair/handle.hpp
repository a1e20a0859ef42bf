/// @file
/// What all handles have in common: the id itself, the one that owns it, and the object in which the
/// callables of a handle live.

#ifndef TLSPAIR_HANDLE_HPP
#define TLSPAIR_HANDLE_HPP

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include <tlspair.h>

#include "callback.hpp"
#include "error.hpp"

namespace tlspair {

/// The id of an object of the library. Copying it copies no object and owns nothing. It is checked by
/// each call: when the object is gone, calls are `status::invalid_handle`, and getters are empty.
template <class Native>
class handle {
public:
    using native_type = Native;

    constexpr handle() noexcept = default;
    constexpr explicit handle(Native *native) noexcept : native_(native) {}

    /// For the functions of the C interface.
    constexpr Native *get() const noexcept { return native_; }
    constexpr explicit operator bool() const noexcept { return native_ != nullptr; }

    friend constexpr bool operator==(handle left, handle right) noexcept { return left.native_ == right.native_; }
    friend constexpr bool operator!=(handle left, handle right) noexcept { return !(left == right); }

protected:
    Native *native_ = nullptr;
};

namespace detail {

/// Ends what it holds, by `Reference::finish`, when it goes. It can be moved only, and may be empty.
template <class Reference>
class owner : public Reference {
public:
    using native_type = typename Reference::native_type;

    constexpr owner() noexcept = default;
    /// Takes over what the C interface gave.
    constexpr explicit owner(native_type *native) noexcept : Reference(native) {}
    owner(owner &&other) noexcept : Reference(other.release()) {}
    owner &operator=(owner &&other) noexcept {
        if (this != &other) {
            reset(other.release());
        }
        return *this;
    }
    ~owner() { reset(); }

    /// Gives it up without ending it.
    native_type *release() noexcept { return std::exchange(this->native_, nullptr); }

    /// Ends what it holds, and holds the other.
    void reset(native_type *native = nullptr) noexcept {
        native_type *before = std::exchange(this->native_, native);
        if (before != nullptr) {
            Reference::finish(before);
        }
    }
};

template <class T>
struct same {
    using type = T;
};
/// A parameter that no template argument is taken from.
template <class T>
using given = typename same<T>::type;

/// Keeps the callables of one handle, in one allocation, until the library says that none is called
/// any more.
class callables {
public:
    callables() = default;
    callables(const callables &) = delete;
    callables &operator=(const callables &) = delete;

    /// Calls one, if it is there. What it throws is kept for whoever runs the callbacks.
    template <class Callback, class... Arguments>
    void run(Callback &slot, Arguments &&...arguments) noexcept {
        if (!slot) {
            return;
        }
        const call_under_way current{&slot, running_};
        running_ = &current;
        try {
            slot(std::forward<Arguments>(arguments)...);
        } catch (...) {
            frame::keep(std::current_exception());
        }
        running_ = current.outer;
        if (!successors_.empty()) {
            succeed(&slot);
        }
    }

    /// Puts another callable in, or none. One that is running is in use until it has returned.
    template <class Callback>
    void put(Callback &slot, given<Callback> next) {
        if (is_running(&slot)) {
            successors_.push_back(std::make_unique<successor_of<Callback>>(slot, std::move(next)));
        } else {
            slot = std::move(next);
        }
    }

private:
    struct call_under_way {
        const void *slot;
        const call_under_way *outer;
    };

    struct successor {
        explicit successor(const void *of) noexcept : slot(of) {}
        virtual ~successor() = default;
        virtual void install() noexcept = 0;
        const void *slot;
    };
    template <class Callback>
    struct successor_of final : successor {
        successor_of(Callback &of, Callback callable) noexcept : successor(&of), place(of), next(std::move(callable)) {}
        void install() noexcept override { place = std::move(next); }
        Callback &place;
        Callback next;
    };

    bool is_running(const void *slot) const noexcept {
        for (const call_under_way *call = running_; call != nullptr; call = call->outer) {
            if (call->slot == slot) {
                return true;
            }
        }
        return false;
    }

    void succeed(const void *slot) noexcept {
        if (is_running(slot)) {
            return;
        }
        for (;;) {
            const auto next = std::find_if(successors_.begin(), successors_.end(),
                                           [slot](const std::unique_ptr<successor> &one) { return one->slot == slot; });
            if (next == successors_.end()) {
                return;
            }
            // Out of the list first: the destructor of a callable may put others in.
            const std::unique_ptr<successor> one = std::move(*next);
            successors_.erase(next);
            one->install();
        }
    }

    const call_under_way *running_ = nullptr;
    std::vector<std::unique_ptr<successor>> successors_;
};

template <class Kept>
void destroy(void *kept) {
    delete static_cast<Kept *>(kept);
}

/// A handle with callables, which are its user data: `tls_X_user_data` and `tls_X_set_user_data`.
template <class Native, class Callables, void *(*Get)(const Native *),
          tls_status (*Set)(Native *, void *, tls_destroy_callback)>
class emitter : public handle<Native> {
public:
    using handle<Native>::handle;

protected:
    using callables = Callables;

    /// NULL if there are none.
    Callables *known() const noexcept { return static_cast<Callables *>(Get(this->get())); }

    /// Makes them at the first need; NULL when that fails, which is told.
    Callables *wanted(code_or_throw out) const {
        if (Callables *there = known()) {
            out.done();
            return there;
        }
        auto *kept = new Callables;
        // The library destroys it also when this fails.
        return out.check(Set(this->get(), kept, destroy<Callables>)) ? kept : nullptr;
    }

    /// Registers a callable for an event: `tls_X_on_EVENT` with `function`, which has to run it. False: it
    /// failed, and all is as before.
    template <class Callback, class Base, class Function>
    bool subscribe(Callback Base::*slot, given<Callback> next, tls_status (*on_event)(Native *, Function, void *),
                   given<Function> function, code_or_throw out) const {
        if (!next && known() == nullptr) {
            return out.check(on_event(this->get(), nullptr, nullptr));
        }
        Callables *kept = wanted(out);
        if (kept == nullptr || !out.check(on_event(this->get(), next ? function : nullptr, kept))) {
            return false;
        }
        kept->put(kept->*slot, std::move(next));
        return true;
    }

    template <class Callback, class Base, class... Arguments>
    static void run(void *kept, Callback Base::*slot, Arguments &&...arguments) noexcept {
        auto *all = static_cast<Callables *>(kept);
        all->run(all->*slot, std::forward<Arguments>(arguments)...);
    }
};

/// Milliseconds for C; below 0 is told.
inline bool milliseconds(std::chrono::milliseconds time, std::uint64_t &to, code_or_throw out) {
    if (time.count() < 0) {
        return !out.refuse("a time is below 0");
    }
    to = static_cast<std::uint64_t>(time.count());
    return true;
}

template <class Handle>
struct hash {
    std::size_t operator()(const Handle &value) const noexcept {
        return std::hash<const void *>()(static_cast<const void *>(value.get()));
    }
};

} // namespace detail
} // namespace tlspair

#endif
