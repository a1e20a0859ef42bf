/// @file
/// `tlspair::loop`: what servers and streams live on.

#ifndef TLSPAIR_LOOP_HPP
#define TLSPAIR_LOOP_HPP

#include "handle.hpp"

namespace tlspair {

/// A loop that somebody else holds.
class loop_ref : public handle<tls_loop> {
public:
    using handle::handle;

    /// Runs until nothing is left that could happen, or until `stop`. An exception of a callback stops it
    /// after the turn that is under way, and is thrown here; it can be run again.
    void run(code_or_throw out = {}) const {
        out.check(detail::calling([this] { return tls_loop_run(get()); }, get()));
    }
    /// One turn, which waits so long at most for something to do; below 0: for ever.
    void run_once(std::chrono::milliseconds timeout, code_or_throw out = {}) const {
        out.check(detail::calling([&] { return tls_loop_run_once(get(), timeout.count()); }));
    }
    /// Makes `run` return. Any thread.
    void stop(code_or_throw out = {}) const { out.check(tls_loop_stop(get())); }
    /// Has the loop's thread call this in its next turn. Any thread.
    void post(callback<void()> work, code_or_throw out = {}) const {
        if (!work) {
            out.refuse("there is nothing to call");
            return;
        }
        auto kept = std::make_unique<posted>();
        kept->put(kept->work, std::move(work));
        const tls_post_callback run_posted = [](tls_loop *, void *posted_work) {
            auto *kept_work = static_cast<posted *>(posted_work);
            kept_work->run(kept_work->work);
        };
        // The library destroys it also when this fails.
        out.check(tls_loop_post(get(), run_posted, kept.release(), detail::destroy<posted>));
    }

    /// Readable whenever `run_once` has work to do; -1 on failure.
    tls_socket fd() const noexcept { return tls_loop_fd(get()); }
    /// Milliseconds until there is a timer to serve; -1: none.
    std::int64_t next_timeout_ms() const noexcept { return tls_loop_next_timeout_ms(get()); }
    /// Gives the loop up, for the next thread that runs it.
    void detach(code_or_throw out = {}) const { out.check(tls_loop_detach(get())); }
    void set_slab_buffer_size(std::size_t size, code_or_throw out = {}) const {
        out.check(tls_loop_set_slab_buffer_size(get(), size));
    }

    static void finish(tls_loop *loop) noexcept {
        detail::frame running;
        tls_loop_free(loop);
    }

private:
    struct posted : detail::callables {
        callback<void()> work;
    };
};

/// An event loop of this thread. When it goes, its servers and streams are closed, with each close
/// callback; what those throw is lost, unless `close` is called before.
///
/// It has to go on the thread that owns it, and not inside one of its callbacks: else it stays.
class loop : public detail::owner<loop_ref> {
public:
    explicit loop(code_or_throw out = {}) : owner(out.check(tls_loop_new())) {}
    explicit loop(tls_loop *native) noexcept : owner(native) {}

    /// Ends it now. On failure it stays.
    void close(code_or_throw out = {}) {
        detail::frame running;
        const tls_status status = tls_loop_free(get());
        if (status >= 0) {
            native_ = nullptr;
        }
        running.rethrow();
        out.check(status);
    }
};

} // namespace tlspair

#endif
